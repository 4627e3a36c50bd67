-- 1: script
SET QUOTED_IDENTIFIER ON;
GO
IF SCHEMA_ID(N'writegate') IS NULL EXEC(N'CREATE SCHEMA [writegate]');
GO
-- A device: one row, locked by every upload that has an identity, so that its uploads take their turn. Keys of
-- devices and subjects are SHA-256 of their text in UTF-8: any length, and told apart to the letter.
IF OBJECT_ID(N'[writegate].[writegate_clients]', N'U') IS NULL
CREATE TABLE [writegate].[writegate_clients] (
	[client_key] binary(32) NOT NULL,
	[client_id] nvarchar(max) NOT NULL,
	[subject] nvarchar(max) NOT NULL,                 -- of the last upload
	[last_op] bigint NOT NULL,                        -- the greatest operation id in an upload that was settled
	[first_seen] datetimeoffset(7) NOT NULL CONSTRAINT [writegate_clients_first] DEFAULT SYSDATETIMEOFFSET(),
	[last_seen] datetimeoffset(7) NOT NULL CONSTRAINT [writegate_clients_last] DEFAULT SYSDATETIMEOFFSET(),
	CONSTRAINT [writegate_clients_key] PRIMARY KEY CLUSTERED ([client_key])
);
GO
-- A run of operations of one device that were settled together. Ops is packed: id, fingerprint and outcome of each.
IF OBJECT_ID(N'[writegate].[writegate_ledger]', N'U') IS NULL
CREATE TABLE [writegate].[writegate_ledger] (
	[id] bigint IDENTITY(1, 1) NOT NULL,
	[client_key] binary(32) NOT NULL,
	[client_id] nvarchar(max) NOT NULL,
	[subject] nvarchar(max) NOT NULL,
	[first_op] bigint NOT NULL,
	[last_op] bigint NOT NULL,
	[settled_at] datetimeoffset(7) NOT NULL,
	[ops] varbinary(max) NOT NULL,
	CONSTRAINT [writegate_ledger_key] PRIMARY KEY CLUSTERED ([client_key], [last_op], [id])
);
GO
-- The answer to a refused operation, so that a replay gets the same one.
IF OBJECT_ID(N'[writegate].[writegate_refusals]', N'U') IS NULL
CREATE TABLE [writegate].[writegate_refusals] (
	[client_key] binary(32) NOT NULL,
	[op_id] bigint NOT NULL,
	[fingerprint] binary(16) NOT NULL,
	[subject_key] binary(32) NOT NULL,
	[client_id] nvarchar(max) NOT NULL,
	[subject] nvarchar(max) NOT NULL,
	[tx_id] bigint NOT NULL,
	[whole] bit NOT NULL,                             -- no single operation is to blame
	[code] nvarchar(max) NOT NULL,
	[reason] nvarchar(max) NOT NULL,
	[message] nvarchar(max) NOT NULL,
	[table_name] nvarchar(max) NOT NULL,
	[column_name] nvarchar(max) NOT NULL,
	[revision] nvarchar(max) NOT NULL,                -- of the policy
	[at] datetimeoffset(7) NOT NULL,
	CONSTRAINT [writegate_refusals_key] PRIMARY KEY CLUSTERED ([client_key], [op_id], [fingerprint], [subject_key])
);
GO
-- A refused transaction, kept whole: the parts, one behind the other, are JSON in UTF-8.
IF OBJECT_ID(N'[writegate].[writegate_dead_letters]', N'U') IS NULL
CREATE TABLE [writegate].[writegate_dead_letters] (
	[id] nvarchar(128) COLLATE Latin1_General_BIN2 NOT NULL,
	[client_id] nvarchar(max) NOT NULL,
	[subject] nvarchar(max) NOT NULL,
	[tx_id] bigint NOT NULL,
	[first_op] bigint NOT NULL,
	[last_op] bigint NOT NULL,
	[op_index] bigint NOT NULL,                       -- -1: no single operation is to blame
	[code] nvarchar(max) NOT NULL,
	[reason] nvarchar(max) NOT NULL,
	[message] nvarchar(max) NOT NULL,
	[table_name] nvarchar(max) NOT NULL,
	[column_name] nvarchar(max) NOT NULL,
	[revision] nvarchar(max) NOT NULL,
	[at] datetimeoffset(7) NOT NULL,
	[seen] int NOT NULL CONSTRAINT [writegate_dead_letters_seen] DEFAULT 1,
	[last_seen] datetimeoffset(7) NOT NULL,
	CONSTRAINT [writegate_dead_letters_key] PRIMARY KEY CLUSTERED ([id])
);
GO
IF OBJECT_ID(N'[writegate].[writegate_dead_letter_parts]', N'U') IS NULL
CREATE TABLE [writegate].[writegate_dead_letter_parts] (
	[letter_id] nvarchar(128) COLLATE Latin1_General_BIN2 NOT NULL
		CONSTRAINT [writegate_dead_letter_parts_letter] REFERENCES [writegate].[writegate_dead_letters] ([id]) ON DELETE CASCADE,
	[part] bigint NOT NULL,
	[body] varbinary(max) NOT NULL,
	CONSTRAINT [writegate_dead_letter_parts_key] PRIMARY KEY CLUSTERED ([letter_id], [part])
);
GO
-- Write checkpoints that the app asked for.
IF OBJECT_ID(N'[writegate].[writegate_checkpoints]', N'U') IS NULL
CREATE TABLE [writegate].[writegate_checkpoints] (
	[subject_key] binary(32) NOT NULL,
	[client_key] binary(32) NOT NULL,
	[subject] nvarchar(max) NOT NULL,
	[client_id] nvarchar(max) NOT NULL,
	[checkpoint] bigint NOT NULL,
	CONSTRAINT [writegate_checkpoints_key] PRIMARY KEY CLUSTERED ([subject_key], [client_key])
);
GO
-- Chains of changes: the version that a device's first change to a row was based on, and the one that its last change
-- made, both as the policy writes versions. So changes made offline one after the other don't conflict. The key of a
-- link is SHA-256 of the table's length, its name and the row's id.
IF OBJECT_ID(N'[writegate].[writegate_links]', N'U') IS NULL
CREATE TABLE [writegate].[writegate_links] (
	[client_key] binary(32) NOT NULL,
	[link_key] binary(32) NOT NULL,
	[client_id] nvarchar(max) NOT NULL,
	[table_name] nvarchar(255) NOT NULL,
	[row_id] nvarchar(255) NOT NULL,
	[base] nvarchar(64) NOT NULL,
	[made] nvarchar(64) NOT NULL,
	[updated_at] datetimeoffset(7) NOT NULL,
	CONSTRAINT [writegate_links_key] PRIMARY KEY CLUSTERED ([client_key], [link_key])
);
GO
-- What became of a dead letter, and the claims of who sent it, as JSON. The key of its subject is SHA-256 of the text as the
-- server has it, in UTF-16.
IF COL_LENGTH(N'[writegate].[writegate_dead_letters]', N'state') IS NULL
ALTER TABLE [writegate].[writegate_dead_letters] ADD
	[subject_key] binary(32) NULL,
	[claims] nvarchar(max) NULL,
	[state] nvarchar(16) COLLATE Latin1_General_BIN2 NOT NULL CONSTRAINT [writegate_dead_letters_state] DEFAULT N'open', -- or retried, or discarded
	[closed_by] nvarchar(510) NULL,
	[note] nvarchar(510) NULL,
	[closed_at] datetimeoffset(7) NULL;
GO
UPDATE [writegate].[writegate_dead_letters] SET [subject_key] = CONVERT(binary(32), HASHBYTES('SHA2_256', [subject])) WHERE [subject_key] IS NULL;
GO
IF NOT EXISTS (SELECT 1 FROM sys.indexes WHERE [object_id] = OBJECT_ID(N'[writegate].[writegate_dead_letters]') AND [name] = N'writegate_dead_letters_subject')
CREATE INDEX [writegate_dead_letters_subject] ON [writegate].[writegate_dead_letters] ([subject_key], [state]);
GO
IF NOT EXISTS (SELECT 1 FROM sys.indexes WHERE [object_id] = OBJECT_ID(N'[writegate].[writegate_dead_letters]') AND [name] = N'writegate_dead_letters_age')
CREATE INDEX [writegate_dead_letters_age] ON [writegate].[writegate_dead_letters] ([at], [id]);
GO
-- What is pruned is found by its age.
IF NOT EXISTS (SELECT 1 FROM sys.indexes WHERE [object_id] = OBJECT_ID(N'[writegate].[writegate_dead_letters]') AND [name] = N'writegate_dead_letters_closed')
CREATE INDEX [writegate_dead_letters_closed] ON [writegate].[writegate_dead_letters] ([closed_at]);
GO
IF NOT EXISTS (SELECT 1 FROM sys.indexes WHERE [object_id] = OBJECT_ID(N'[writegate].[writegate_ledger]') AND [name] = N'writegate_ledger_age')
CREATE INDEX [writegate_ledger_age] ON [writegate].[writegate_ledger] ([settled_at]);
GO
IF NOT EXISTS (SELECT 1 FROM sys.indexes WHERE [object_id] = OBJECT_ID(N'[writegate].[writegate_refusals]') AND [name] = N'writegate_refusals_age')
CREATE INDEX [writegate_refusals_age] ON [writegate].[writegate_refusals] ([at]);
GO
IF NOT EXISTS (SELECT 1 FROM sys.indexes WHERE [object_id] = OBJECT_ID(N'[writegate].[writegate_links]') AND [name] = N'writegate_links_age')
CREATE INDEX [writegate_links_age] ON [writegate].[writegate_links] ([updated_at]);
GO
IF NOT EXISTS (SELECT 1 FROM sys.indexes WHERE [object_id] = OBJECT_ID(N'[writegate].[writegate_clients]') AND [name] = N'writegate_clients_age')
CREATE INDEX [writegate_clients_age] ON [writegate].[writegate_clients] ([last_seen]);
GO
-- Devices whose uploads wait for an operator.
IF OBJECT_ID(N'[writegate].[writegate_blocked]', N'U') IS NULL
CREATE TABLE [writegate].[writegate_blocked] (
	[client_key] binary(32) NOT NULL,
	[client_id] nvarchar(max) NOT NULL,
	[subject] nvarchar(max) NOT NULL,
	[since] datetimeoffset(7) NOT NULL,
	[last_try] datetimeoffset(7) NOT NULL,
	[tries] bigint NOT NULL,
	[code] nvarchar(max) NOT NULL,
	[reason] nvarchar(max) NOT NULL,
	[table_name] nvarchar(max) NOT NULL,
	CONSTRAINT [writegate_blocked_key] PRIMARY KEY CLUSTERED ([client_key])
);
GO
-- What one replica does for all: who has it, and for how long. It comes only behind what is above: where it is, nothing of
-- that is missing.
IF OBJECT_ID(N'[writegate].[writegate_leases]', N'U') IS NULL AND COL_LENGTH(N'[writegate].[writegate_dead_letters]', N'state') IS NOT NULL
CREATE TABLE [writegate].[writegate_leases] (
	[lease_key] binary(32) NOT NULL,
	[name] nvarchar(max) NOT NULL,
	[holder_key] binary(32) NOT NULL,
	[holder] nvarchar(max) NOT NULL,
	[until] datetimeoffset(7) NOT NULL,
	CONSTRAINT [writegate_leases_key] PRIMARY KEY CLUSTERED ([lease_key])
);
GO
-- What all replicas have to agree on. It comes last, and only behind the table before: where it is, nothing is missing.
IF OBJECT_ID(N'[writegate].[writegate_documents]', N'U') IS NULL AND OBJECT_ID(N'[writegate].[writegate_leases]', N'U') IS NOT NULL
CREATE TABLE [writegate].[writegate_documents] (
	[document_key] binary(32) NOT NULL,
	[name] nvarchar(max) NOT NULL,
	[version] bigint NOT NULL,
	[body] varbinary(max) NOT NULL,
	CONSTRAINT [writegate_documents_key] PRIMARY KEY CLUSTERED ([document_key])
);
GO

-- The login of writegate needs no more than this on them, here for a user writegate:
-- GRANT SELECT, INSERT, UPDATE, DELETE ON SCHEMA::[writegate] TO [writegate];

