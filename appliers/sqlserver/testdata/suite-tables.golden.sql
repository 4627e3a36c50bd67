-- 1: batch
CREATE TABLE [app].[lists] (
	[id] nvarchar(200) COLLATE Latin1_General_100_BIN2 NOT NULL,
	[name] nvarchar(200) COLLATE Latin1_General_100_BIN2 NULL,
	[doc] nvarchar(max) NULL,
	[n] bigint NOT NULL DEFAULT 7,
	PRIMARY KEY ([id])
)

-- 2: batch
CREATE UNIQUE INDEX [unique_0] ON [app].[lists] ([name]) WHERE [name] IS NOT NULL

-- 3: batch
CREATE TABLE [app].[odd "]]table'] (
	[a] bigint NOT NULL,
	[b] nvarchar(200) COLLATE Latin1_General_100_BIN2 NOT NULL,
	[list] nvarchar(200) COLLATE Latin1_General_100_BIN2 NULL,
	[it's] nvarchar(max) COLLATE Latin1_General_100_BIN2 NULL DEFAULT N'it''s',
	[yes] bit NULL DEFAULT 1,
	PRIMARY KEY ([a], [b]),
	FOREIGN KEY ([list]) REFERENCES [app].[lists] ([id]) ON DELETE CASCADE,
	CONSTRAINT [c] CHECK ([yes] >= 0)
)

-- 4: batch
CREATE UNIQUE INDEX [unique_0] ON [app].[odd "]]table'] ([list], [yes]) WHERE [list] IS NOT NULL AND [yes] IS NOT NULL

