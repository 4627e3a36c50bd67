-- The tables of policies/todos.yaml. Keys compare letter for letter.
CREATE TABLE lists (
  id char(36) CHARACTER SET ascii COLLATE ascii_bin PRIMARY KEY,
  owner_id varchar(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  name text NOT NULL
) CHARACTER SET utf8mb4;
CREATE TABLE todos (
  id char(36) CHARACTER SET ascii COLLATE ascii_bin PRIMARY KEY,
  list_id char(36) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  owner_id varchar(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  description text,
  completed boolean NOT NULL DEFAULT false,
  FOREIGN KEY (list_id) REFERENCES lists (id) ON DELETE CASCADE
) CHARACTER SET utf8mb4;
