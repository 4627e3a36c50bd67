-- The tables of policies/todos.yaml. Keys are UUIDs; the sync queries send them down as lower(id), as clients make them.
CREATE TABLE lists (
  id uniqueidentifier NOT NULL PRIMARY KEY,
  owner_id nvarchar(255) NOT NULL,
  name nvarchar(max) NOT NULL
);
CREATE TABLE todos (
  id uniqueidentifier NOT NULL PRIMARY KEY,
  list_id uniqueidentifier NOT NULL REFERENCES lists (id) ON DELETE CASCADE,
  owner_id nvarchar(255) NOT NULL,
  description nvarchar(max) NULL,
  completed bit NOT NULL DEFAULT 0
);
