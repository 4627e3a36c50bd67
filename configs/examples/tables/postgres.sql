-- The tables of policies/todos.yaml.
create table lists (
  id uuid primary key,
  owner_id text not null,
  name text not null
);
create table todos (
  id uuid primary key,
  list_id uuid not null references lists on delete cascade,
  owner_id text not null,
  description text,
  completed boolean not null default false
);
