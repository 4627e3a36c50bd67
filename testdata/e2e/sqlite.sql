-- The same as postgres.sql, as far as SQLite has it.
CREATE TABLE lists (
  id TEXT NOT NULL PRIMARY KEY,
  created_at TEXT,
  name TEXT NOT NULL,
  owner_id TEXT NOT NULL
);
CREATE TABLE todos (
  id TEXT NOT NULL PRIMARY KEY,
  list_id TEXT REFERENCES lists (id),
  created_at TEXT,
  completed_at TEXT,
  description TEXT,
  completed INTEGER DEFAULT 0,
  created_by TEXT,
  completed_by TEXT,
  photo_id TEXT
);
CREATE TABLE samples (
  id TEXT NOT NULL PRIMARY KEY,
  t TEXT,
  i INTEGER,
  r REAL,
  n TEXT,
  b INTEGER,
  j TEXT,
  ts TEXT,
  arr TEXT
);

CREATE TABLE effects (
  id INTEGER PRIMARY KEY,
  kind TEXT NOT NULL,
  list TEXT NOT NULL,
  name TEXT NOT NULL
);
CREATE TRIGGER inserted AFTER INSERT ON lists BEGIN
  INSERT INTO effects (kind, list, name) VALUES ('INSERT', NEW.id, NEW.name);
END;
CREATE TRIGGER updated AFTER UPDATE ON lists BEGIN
  INSERT INTO effects (kind, list, name) VALUES ('UPDATE', NEW.id, NEW.name);
END;
CREATE TRIGGER deleted AFTER DELETE ON lists BEGIN
  INSERT INTO effects (kind, list, name) VALUES ('DELETE', OLD.id, OLD.name);
END;
