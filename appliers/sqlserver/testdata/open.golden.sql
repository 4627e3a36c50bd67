-- 1: batch, the session is reset first
SELECT COALESCE(CONVERT(nvarchar(128), SERVERPROPERTY('ProductVersion')), N'') AS [writegate], COALESCE(CONVERT(nvarchar(128), SERVERPROPERTY('Edition')), N''),
	COALESCE(CONVERT(nvarchar(128), SERVERPROPERTY('BabelfishVersion')), N''), COALESCE(CONVERT(int, SERVERPROPERTY('EngineEdition')), 0),
	CONVERT(int, [d].[compatibility_level]), CASE WHEN [d].[snapshot_isolation_state] = 1 THEN 1 ELSE 0 END
FROM sys.databases AS [d] WHERE [d].[name] = DB_NAME();

-- 2: rpc, the session is reset first
-- @p1 nvarchar(max)
SELECT CASE WHEN CONVERT(nvarchar(60), DATABASEPROPERTYEX(DB_NAME(), N'Updateability')) = N'READ_ONLY' THEN 0 ELSE 1 END AS [writegate],
	(SELECT COUNT(*) FROM sys.tables AS t INNER JOIN sys.schemas AS s ON s.schema_id = t.schema_id WHERE s.name = @p1 AND t.name IN (N'writegate_clients', N'writegate_ledger', N'writegate_refusals', N'writegate_dead_letters', N'writegate_dead_letter_parts', N'writegate_checkpoints')),
	(SELECT COUNT(*) FROM sys.tables AS t INNER JOIN sys.schemas AS s ON s.schema_id = t.schema_id WHERE s.name = @p1 AND t.name IN (N'writegate_clients', N'writegate_ledger', N'writegate_refusals', N'writegate_dead_letters', N'writegate_dead_letter_parts', N'writegate_checkpoints', N'writegate_links', N'writegate_blocked', N'writegate_leases', N'writegate_documents'));
-- @p1 = it's ]mine

-- 3: batch, the session is reset first
SET LANGUAGE us_english;
SET NOCOUNT ON; SET XACT_ABORT ON; SET ANSI_NULLS ON; SET ANSI_PADDING ON; SET ANSI_WARNINGS ON; SET ARITHABORT ON; SET CONCAT_NULL_YIELDS_NULL ON; SET QUOTED_IDENTIFIER ON;
SET NUMERIC_ROUNDABORT OFF; SET IMPLICIT_TRANSACTIONS OFF;
SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
SET LOCK_TIMEOUT 5000;
BEGIN TRANSACTION;

-- 4: batch
DECLARE @r int;
EXEC @r = sys.sp_getapplock @Resource = N'writegate', @LockMode = N'Exclusive', @LockOwner = N'Transaction', @LockTimeout = 20000;
IF @r < 0 RAISERROR(N'writegate: another replica is still making its tables', 16, 1);

-- 5: batch
IF SCHEMA_ID(N'it''s ]mine') IS NULL EXEC(N'CREATE SCHEMA [it''s ]]mine]');

-- 6: batch
-- A device: one row, locked by every upload that has an identity, so that its uploads take their turn. Keys of
-- devices and subjects are SHA-256 of their text in UTF-8: any length, and told apart to the letter.
IF OBJECT_ID(N'[it''s ]]mine].[writegate_clients]', N'U') IS NULL
CREATE TABLE [it's ]]mine].[writegate_clients] (
	[client_key] binary(32) NOT NULL,
	[client_id] nvarchar(max) NOT NULL,
	[subject] nvarchar(max) NOT NULL,                 -- of the last upload
	[last_op] bigint NOT NULL,                        -- the greatest operation id in an upload that was settled
	[first_seen] datetimeoffset(7) NOT NULL CONSTRAINT [writegate_clients_first] DEFAULT SYSDATETIMEOFFSET(),
	[last_seen] datetimeoffset(7) NOT NULL CONSTRAINT [writegate_clients_last] DEFAULT SYSDATETIMEOFFSET(),
	CONSTRAINT [writegate_clients_key] PRIMARY KEY CLUSTERED ([client_key])
);

-- 7: batch
-- A run of operations of one device that were settled together. Ops is packed: id, fingerprint and outcome of each.
IF OBJECT_ID(N'[it''s ]]mine].[writegate_ledger]', N'U') IS NULL
CREATE TABLE [it's ]]mine].[writegate_ledger] (
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

-- 8: batch
-- The answer to a refused operation, so that a replay gets the same one.
IF OBJECT_ID(N'[it''s ]]mine].[writegate_refusals]', N'U') IS NULL
CREATE TABLE [it's ]]mine].[writegate_refusals] (
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

-- 9: batch
-- A refused transaction, kept whole: the parts, one behind the other, are JSON in UTF-8.
IF OBJECT_ID(N'[it''s ]]mine].[writegate_dead_letters]', N'U') IS NULL
CREATE TABLE [it's ]]mine].[writegate_dead_letters] (
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

-- 10: batch
IF OBJECT_ID(N'[it''s ]]mine].[writegate_dead_letter_parts]', N'U') IS NULL
CREATE TABLE [it's ]]mine].[writegate_dead_letter_parts] (
	[letter_id] nvarchar(128) COLLATE Latin1_General_BIN2 NOT NULL
		CONSTRAINT [writegate_dead_letter_parts_letter] REFERENCES [it's ]]mine].[writegate_dead_letters] ([id]) ON DELETE CASCADE,
	[part] bigint NOT NULL,
	[body] varbinary(max) NOT NULL,
	CONSTRAINT [writegate_dead_letter_parts_key] PRIMARY KEY CLUSTERED ([letter_id], [part])
);

-- 11: batch
-- Write checkpoints that the app asked for.
IF OBJECT_ID(N'[it''s ]]mine].[writegate_checkpoints]', N'U') IS NULL
CREATE TABLE [it's ]]mine].[writegate_checkpoints] (
	[subject_key] binary(32) NOT NULL,
	[client_key] binary(32) NOT NULL,
	[subject] nvarchar(max) NOT NULL,
	[client_id] nvarchar(max) NOT NULL,
	[checkpoint] bigint NOT NULL,
	CONSTRAINT [writegate_checkpoints_key] PRIMARY KEY CLUSTERED ([subject_key], [client_key])
);

-- 12: batch
-- Chains of changes: the version that a device's first change to a row was based on, and the one that its last change
-- made, both as the policy writes versions. So changes made offline one after the other don't conflict. The key of a
-- link is SHA-256 of the table's length, its name and the row's id.
IF OBJECT_ID(N'[it''s ]]mine].[writegate_links]', N'U') IS NULL
CREATE TABLE [it's ]]mine].[writegate_links] (
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

-- 13: batch
-- What became of a dead letter, and the claims of who sent it, as JSON. The key of its subject is SHA-256 of the text as the
-- server has it, in UTF-16.
IF COL_LENGTH(N'[it''s ]]mine].[writegate_dead_letters]', N'state') IS NULL
ALTER TABLE [it's ]]mine].[writegate_dead_letters] ADD
	[subject_key] binary(32) NULL,
	[claims] nvarchar(max) NULL,
	[state] nvarchar(16) COLLATE Latin1_General_BIN2 NOT NULL CONSTRAINT [writegate_dead_letters_state] DEFAULT N'open', -- or retried, or discarded
	[closed_by] nvarchar(510) NULL,
	[note] nvarchar(510) NULL,
	[closed_at] datetimeoffset(7) NULL;

-- 14: batch
UPDATE [it's ]]mine].[writegate_dead_letters] SET [subject_key] = CONVERT(binary(32), HASHBYTES('SHA2_256', [subject])) WHERE [subject_key] IS NULL;

-- 15: batch
IF NOT EXISTS (SELECT 1 FROM sys.indexes WHERE [object_id] = OBJECT_ID(N'[it''s ]]mine].[writegate_dead_letters]') AND [name] = N'writegate_dead_letters_subject')
CREATE INDEX [writegate_dead_letters_subject] ON [it's ]]mine].[writegate_dead_letters] ([subject_key], [state]);

-- 16: batch
IF NOT EXISTS (SELECT 1 FROM sys.indexes WHERE [object_id] = OBJECT_ID(N'[it''s ]]mine].[writegate_dead_letters]') AND [name] = N'writegate_dead_letters_age')
CREATE INDEX [writegate_dead_letters_age] ON [it's ]]mine].[writegate_dead_letters] ([at], [id]);

-- 17: batch
-- What is pruned is found by its age.
IF NOT EXISTS (SELECT 1 FROM sys.indexes WHERE [object_id] = OBJECT_ID(N'[it''s ]]mine].[writegate_dead_letters]') AND [name] = N'writegate_dead_letters_closed')
CREATE INDEX [writegate_dead_letters_closed] ON [it's ]]mine].[writegate_dead_letters] ([closed_at]);

-- 18: batch
IF NOT EXISTS (SELECT 1 FROM sys.indexes WHERE [object_id] = OBJECT_ID(N'[it''s ]]mine].[writegate_ledger]') AND [name] = N'writegate_ledger_age')
CREATE INDEX [writegate_ledger_age] ON [it's ]]mine].[writegate_ledger] ([settled_at]);

-- 19: batch
IF NOT EXISTS (SELECT 1 FROM sys.indexes WHERE [object_id] = OBJECT_ID(N'[it''s ]]mine].[writegate_refusals]') AND [name] = N'writegate_refusals_age')
CREATE INDEX [writegate_refusals_age] ON [it's ]]mine].[writegate_refusals] ([at]);

-- 20: batch
IF NOT EXISTS (SELECT 1 FROM sys.indexes WHERE [object_id] = OBJECT_ID(N'[it''s ]]mine].[writegate_links]') AND [name] = N'writegate_links_age')
CREATE INDEX [writegate_links_age] ON [it's ]]mine].[writegate_links] ([updated_at]);

-- 21: batch
IF NOT EXISTS (SELECT 1 FROM sys.indexes WHERE [object_id] = OBJECT_ID(N'[it''s ]]mine].[writegate_clients]') AND [name] = N'writegate_clients_age')
CREATE INDEX [writegate_clients_age] ON [it's ]]mine].[writegate_clients] ([last_seen]);

-- 22: batch
-- Devices whose uploads wait for an operator.
IF OBJECT_ID(N'[it''s ]]mine].[writegate_blocked]', N'U') IS NULL
CREATE TABLE [it's ]]mine].[writegate_blocked] (
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

-- 23: batch
-- What one replica does for all: who has it, and for how long. It comes only behind what is above: where it is, nothing of
-- that is missing.
IF OBJECT_ID(N'[it''s ]]mine].[writegate_leases]', N'U') IS NULL AND COL_LENGTH(N'[it''s ]]mine].[writegate_dead_letters]', N'state') IS NOT NULL
CREATE TABLE [it's ]]mine].[writegate_leases] (
	[lease_key] binary(32) NOT NULL,
	[name] nvarchar(max) NOT NULL,
	[holder_key] binary(32) NOT NULL,
	[holder] nvarchar(max) NOT NULL,
	[until] datetimeoffset(7) NOT NULL,
	CONSTRAINT [writegate_leases_key] PRIMARY KEY CLUSTERED ([lease_key])
);

-- 24: batch
-- What all replicas have to agree on. It comes last, and only behind the table before: where it is, nothing is missing.
IF OBJECT_ID(N'[it''s ]]mine].[writegate_documents]', N'U') IS NULL AND OBJECT_ID(N'[it''s ]]mine].[writegate_leases]', N'U') IS NOT NULL
CREATE TABLE [it's ]]mine].[writegate_documents] (
	[document_key] binary(32) NOT NULL,
	[name] nvarchar(max) NOT NULL,
	[version] bigint NOT NULL,
	[body] varbinary(max) NOT NULL,
	CONSTRAINT [writegate_documents_key] PRIMARY KEY CLUSTERED ([document_key])
);

-- 25: batch
COMMIT TRANSACTION;

