-- The tables of policies/todos.yaml.
CREATE TABLE lists (
  id TEXT NOT NULL PRIMARY KEY,
  owner_id TEXT NOT NULL,
  name TEXT NOT NULL
);
CREATE TABLE todos (
  id TEXT NOT NULL PRIMARY KEY,
  list_id TEXT NOT NULL REFERENCES lists (id) ON DELETE CASCADE,
  owner_id TEXT NOT NULL,
  description TEXT,
  completed BOOLEAN NOT NULL DEFAULT 0
);
