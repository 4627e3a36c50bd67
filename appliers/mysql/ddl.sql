-- step 1
-- A device: one row, locked by every upload that has an identity, so that its uploads take their turn. The keys
-- are SHA-256 of the ids: these may be longer than an index takes.
CREATE TABLE IF NOT EXISTS {schema}.writegate_clients (
	client_key BINARY(32) NOT NULL PRIMARY KEY,
	client_id MEDIUMTEXT NOT NULL,
	subject MEDIUMTEXT NOT NULL COMMENT 'of the last upload',
	last_op BIGINT NOT NULL COMMENT 'the greatest operation id in an upload that was settled',
	first_seen DATETIME(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6),
	last_seen DATETIME(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- A run of operations of one device that were settled together. Ops is packed: id, fingerprint and outcome of each.
CREATE TABLE IF NOT EXISTS {schema}.writegate_ledger (
	id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
	client_key BINARY(32) NOT NULL,
	client_id MEDIUMTEXT NOT NULL,
	subject MEDIUMTEXT NOT NULL,
	first_op BIGINT NOT NULL,
	last_op BIGINT NOT NULL,
	settled_at DATETIME(6) NOT NULL,
	ops LONGBLOB NOT NULL,
	KEY writegate_ledger_client (client_key, last_op),
	KEY writegate_ledger_age (settled_at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- The answer to a refused operation, so that a replay gets the same one.
CREATE TABLE IF NOT EXISTS {schema}.writegate_refusals (
	client_key BINARY(32) NOT NULL,
	op_id BIGINT NOT NULL,
	fingerprint BINARY(16) NOT NULL,
	subject_key BINARY(32) NOT NULL,
	client_id MEDIUMTEXT NOT NULL,
	subject MEDIUMTEXT NOT NULL,
	tx_id BIGINT NOT NULL,
	whole BOOLEAN NOT NULL COMMENT 'no single operation is to blame',
	code MEDIUMTEXT NOT NULL,
	reason MEDIUMTEXT NOT NULL,
	message MEDIUMTEXT NOT NULL,
	table_name MEDIUMTEXT NOT NULL,
	column_name MEDIUMTEXT NOT NULL,
	revision MEDIUMTEXT NOT NULL COMMENT 'of the policy',
	at DATETIME(6) NOT NULL,
	PRIMARY KEY (client_key, op_id, fingerprint, subject_key)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- A refused transaction, kept whole: the bodies of its parts in their order, joined, are JSON in UTF-8.
CREATE TABLE IF NOT EXISTS {schema}.writegate_dead_letters (
	id VARCHAR(255) NOT NULL PRIMARY KEY,
	client_id MEDIUMTEXT NOT NULL,
	subject MEDIUMTEXT NOT NULL,
	tx_id BIGINT NOT NULL,
	first_op BIGINT NOT NULL,
	last_op BIGINT NOT NULL,
	op_index INT NOT NULL COMMENT '-1: no single operation is to blame',
	code MEDIUMTEXT NOT NULL,
	reason MEDIUMTEXT NOT NULL,
	message MEDIUMTEXT NOT NULL,
	table_name MEDIUMTEXT NOT NULL,
	column_name MEDIUMTEXT NOT NULL,
	revision MEDIUMTEXT NOT NULL,
	at DATETIME(6) NOT NULL,
	seen INT NOT NULL DEFAULT 1,
	last_seen DATETIME(6) NOT NULL,
	KEY writegate_dead_letters_age (at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE IF NOT EXISTS {schema}.writegate_dead_letter_parts (
	letter_id VARCHAR(255) NOT NULL,
	part INT NOT NULL,
	body MEDIUMBLOB NOT NULL,
	PRIMARY KEY (letter_id, part),
	CONSTRAINT writegate_dead_letter_parts_letter FOREIGN KEY (letter_id) REFERENCES {schema}.writegate_dead_letters (id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- Write checkpoints that the app asked for.
CREATE TABLE IF NOT EXISTS {schema}.writegate_checkpoints (
	subject_key BINARY(32) NOT NULL,
	client_key BINARY(32) NOT NULL,
	subject MEDIUMTEXT NOT NULL,
	client_id MEDIUMTEXT NOT NULL,
	checkpoint BIGINT NOT NULL,
	PRIMARY KEY (subject_key, client_key)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- step 2
-- Chains of changes: the version that a device's first change to a row was based on, and the one that its last change
-- made, both as the policy writes versions. So changes made offline one after the other don't conflict.
CREATE TABLE IF NOT EXISTS {schema}.writegate_links (
	client_key BINARY(32) NOT NULL,
	table_name VARBINARY(255) NOT NULL COMMENT 'in UTF-8, as all texts of this table: so they are told apart to the letter',
	row_id VARBINARY(255) NOT NULL,
	client_id MEDIUMTEXT NOT NULL,
	base VARBINARY(64) NOT NULL,
	made VARBINARY(64) NOT NULL,
	updated_at DATETIME(6) NOT NULL,
	PRIMARY KEY (client_key, table_name, row_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- step 3
-- What became of a dead letter, the claims of who sent it, and indexes by age for what is pruned. MySQL adds no column and no
-- index "if not exists", so each of these asks first.
SET @writegate = IF(EXISTS (SELECT 1 FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = {schema name} AND INDEX_NAME = 'writegate_dead_letters_closed'), 'DO 0',
	CONCAT('ALTER TABLE ', {quoted name}, '.writegate_dead_letters'
		' ADD COLUMN claims MEDIUMTEXT NULL COMMENT ''what the policy read of the token, as JSON'','
		' ADD COLUMN state VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT ''open'' COMMENT ''or retried, or discarded'','
		' ADD COLUMN closed_by VARCHAR(255) NULL, ADD COLUMN note VARCHAR(255) NULL, ADD COLUMN closed_at DATETIME(6) NULL,'
		' ADD KEY writegate_dead_letters_subject (subject(64), state), ADD KEY writegate_dead_letters_closed (closed_at)'));
PREPARE writegate FROM @writegate;
EXECUTE writegate;
SET @writegate = IF(EXISTS (SELECT 1 FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = {schema name} AND INDEX_NAME = 'writegate_refusals_age'), 'DO 0',
	CONCAT('ALTER TABLE ', {quoted name}, '.writegate_refusals ADD KEY writegate_refusals_age (at)'));
PREPARE writegate FROM @writegate;
EXECUTE writegate;
SET @writegate = IF(EXISTS (SELECT 1 FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = {schema name} AND INDEX_NAME = 'writegate_links_age'), 'DO 0',
	CONCAT('ALTER TABLE ', {quoted name}, '.writegate_links ADD KEY writegate_links_age (updated_at)'));
PREPARE writegate FROM @writegate;
EXECUTE writegate;
SET @writegate = IF(EXISTS (SELECT 1 FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = {schema name} AND INDEX_NAME = 'writegate_clients_age'), 'DO 0',
	CONCAT('ALTER TABLE ', {quoted name}, '.writegate_clients ADD KEY writegate_clients_age (last_seen)'));
PREPARE writegate FROM @writegate;
EXECUTE writegate;
DEALLOCATE PREPARE writegate;

-- What one replica does for all: who has it, and for how long.
CREATE TABLE IF NOT EXISTS {schema}.writegate_leases (
	name VARBINARY(1024) NOT NULL PRIMARY KEY COMMENT 'in UTF-8, as its holder',
	holder VARBINARY(1024) NOT NULL,
	until DATETIME(6) NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- Devices whose uploads wait for an operator.
CREATE TABLE IF NOT EXISTS {schema}.writegate_blocked (
	client_key BINARY(32) NOT NULL PRIMARY KEY,
	client_id MEDIUMTEXT NOT NULL,
	subject MEDIUMTEXT NOT NULL,
	since DATETIME(6) NOT NULL,
	last_try DATETIME(6) NOT NULL,
	tries BIGINT NOT NULL,
	code MEDIUMTEXT NOT NULL,
	reason MEDIUMTEXT NOT NULL,
	table_name MEDIUMTEXT NOT NULL,
	KEY writegate_blocked_since (since),
	KEY writegate_blocked_age (last_try)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- step 4
-- What all replicas have to agree on.
CREATE TABLE IF NOT EXISTS {schema}.writegate_documents (
	name VARBINARY(1024) NOT NULL PRIMARY KEY COMMENT 'in UTF-8',
	version BIGINT NOT NULL,
	body LONGBLOB NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
