-- The same as postgres.sql, for MySQL and MariaDB.
CREATE TABLE lists (
  id char(36) CHARACTER SET ascii COLLATE ascii_bin PRIMARY KEY,
  created_at datetime(6) DEFAULT CURRENT_TIMESTAMP(6),
  name text NOT NULL,
  owner_id char(36) CHARACTER SET ascii COLLATE ascii_bin NOT NULL
);
CREATE TABLE todos (
  id char(36) CHARACTER SET ascii COLLATE ascii_bin PRIMARY KEY,
  list_id char(36) CHARACTER SET ascii COLLATE ascii_bin,
  created_at datetime(6) DEFAULT CURRENT_TIMESTAMP(6),
  completed_at datetime(6),
  description text,
  completed boolean DEFAULT false,
  created_by char(36),
  completed_by char(36),
  photo_id char(36),
  FOREIGN KEY (list_id) REFERENCES lists (id)
);
CREATE TABLE samples (
  id varchar(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PRIMARY KEY,
  t text CHARACTER SET utf8mb4 COLLATE utf8mb4_bin,
  i bigint,
  r double,
  n decimal(38, 9),
  b boolean,
  j json,
  ts datetime(6),
  arr json
);

CREATE TABLE effects (
  id bigint AUTO_INCREMENT PRIMARY KEY,
  kind varchar(10) NOT NULL,
  list char(36) NOT NULL,
  name text NOT NULL
);
CREATE TRIGGER inserted AFTER INSERT ON lists FOR EACH ROW
  INSERT INTO effects (kind, list, name) VALUES ('INSERT', NEW.id, NEW.name);
CREATE TRIGGER updated AFTER UPDATE ON lists FOR EACH ROW
  INSERT INTO effects (kind, list, name) VALUES ('UPDATE', NEW.id, NEW.name);
CREATE TRIGGER deleted AFTER DELETE ON lists FOR EACH ROW
  INSERT INTO effects (kind, list, name) VALUES ('DELETE', OLD.id, OLD.name);
