-- What the end-to-end tests write to, and a table that sees every effect.
CREATE TABLE lists (
  id uuid PRIMARY KEY,
  created_at timestamptz DEFAULT now(),
  name text NOT NULL,
  owner_id uuid NOT NULL
);
CREATE TABLE todos (
  id uuid PRIMARY KEY,
  list_id uuid REFERENCES lists (id),
  created_at timestamptz DEFAULT now(),
  completed_at timestamptz,
  description text,
  completed boolean DEFAULT false,
  created_by uuid,
  completed_by uuid,
  photo_id uuid
);
CREATE TABLE samples (
  id text PRIMARY KEY,
  t text,
  i bigint,
  r double precision,
  n numeric,
  b boolean,
  j jsonb,
  ts timestamptz,
  arr text[]
);

CREATE TABLE effects (
  id bigserial PRIMARY KEY,
  kind text NOT NULL,
  list text NOT NULL,
  name text NOT NULL
);
CREATE FUNCTION effect() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'DELETE' THEN
    INSERT INTO effects (kind, list, name) VALUES (TG_OP, OLD.id, OLD.name);
  ELSE
    INSERT INTO effects (kind, list, name) VALUES (TG_OP, NEW.id, NEW.name);
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER effect AFTER INSERT OR UPDATE OR DELETE ON lists FOR EACH ROW EXECUTE FUNCTION effect();
