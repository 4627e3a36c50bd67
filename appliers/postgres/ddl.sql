-- step 1
-- A device: one row, locked by every upload that has an identity, so that its uploads take their turn.
create table if not exists {schema}.writegate_clients (
	client_id text primary key,
	subject text not null,                       -- of the last upload
	last_op bigint not null,                     -- the greatest operation id in an upload that was settled
	first_seen timestamptz not null default now(),
	last_seen timestamptz not null default now()
) with (fillfactor = 70);

-- A run of operations of one device that were settled together. Ops is packed: id, fingerprint and outcome of each.
create table if not exists {schema}.writegate_ledger (
	id bigint generated always as identity primary key,
	client_id text not null,
	subject text not null,
	first_op bigint not null,
	last_op bigint not null,
	settled_at timestamptz not null,
	ops bytea not null
);
create index if not exists writegate_ledger_client on {schema}.writegate_ledger (client_id, last_op);
create index if not exists writegate_ledger_age on {schema}.writegate_ledger using brin (settled_at);

-- The answer to a refused operation, so that a replay gets the same one.
create table if not exists {schema}.writegate_refusals (
	client_id text not null,
	op_id bigint not null,
	fingerprint bytea not null,
	subject text not null,
	tx_id bigint not null,
	whole boolean not null,                      -- no single operation is to blame
	code text not null,
	reason text not null,
	message text not null,
	table_name text not null,
	column_name text not null,
	revision text not null,                      -- of the policy
	at timestamptz not null,
	primary key (client_id, op_id, fingerprint, subject)
);

-- A refused transaction, kept whole: convert_from(string_agg(body, '' order by part), 'UTF8') of its parts is JSON.
create table if not exists {schema}.writegate_dead_letters (
	id text primary key,
	client_id text not null,
	subject text not null,
	tx_id bigint not null,
	first_op bigint not null,
	last_op bigint not null,
	op_index int not null,                       -- -1: no single operation is to blame
	code text not null,
	reason text not null,
	message text not null,
	table_name text not null,
	column_name text not null,
	revision text not null,
	at timestamptz not null,
	seen int not null default 1,
	last_seen timestamptz not null
);
create table if not exists {schema}.writegate_dead_letter_parts (
	letter_id text not null references {schema}.writegate_dead_letters on delete cascade,
	part int not null,
	body bytea not null,
	primary key (letter_id, part)
);

-- Write checkpoints that the app asked for.
create table if not exists {schema}.writegate_checkpoints (
	subject text not null,
	client_id text not null,
	checkpoint bigint not null,
	primary key (subject, client_id)
);
-- step 2
-- Chains of changes: the version that a device's first change to a row was based on, and the one that its last change
-- made, both as the policy writes versions. So changes made offline one after the other don't conflict.
create table if not exists {schema}.writegate_links (
	client_id text not null,
	table_name text not null,
	row_id text not null,
	base text not null,
	made text not null,
	updated_at timestamptz not null default now(),
	primary key (client_id, table_name, row_id)
) with (fillfactor = 70);
-- step 3
-- What became of a dead letter: open, retried or discarded, by whom, why and when. Claims are what the policy read of the token.
alter table {schema}.writegate_dead_letters
	add column if not exists claims text not null default '',
	add column if not exists state text not null default 'open',
	add column if not exists closed_by text not null default '',
	add column if not exists note text not null default '',
	add column if not exists closed_at timestamptz;
create index if not exists writegate_dead_letters_at on {schema}.writegate_dead_letters (at);
create index if not exists writegate_dead_letters_open on {schema}.writegate_dead_letters (subject) where state = 'open';
create index if not exists writegate_dead_letters_closed on {schema}.writegate_dead_letters (closed_at) where state <> 'open';

-- What is pruned by age is found by age. The ledger's index by age was of blocks, which grow together as rows come and go.
drop index if exists {schema}.writegate_ledger_age;
create index if not exists writegate_ledger_settled on {schema}.writegate_ledger (settled_at);
create index if not exists writegate_refusals_at on {schema}.writegate_refusals (at);
create index if not exists writegate_links_updated on {schema}.writegate_links (updated_at);

-- What only one replica does at a time, and which one until when.
create table if not exists {schema}.writegate_leases (
	name text primary key,
	holder text not null,
	until timestamptz not null
);

-- A device that waits for an operator.
create table if not exists {schema}.writegate_blocked (
	client_id text primary key,
	subject text not null,
	since timestamptz not null,
	last_try timestamptz not null,
	tries bigint not null,
	code text not null,
	reason text not null,
	table_name text not null
);

-- step 4
-- What all replicas have to agree on.
create table if not exists {schema}.writegate_documents (
	name text primary key,
	version bigint not null,
	body bytea not null
);
