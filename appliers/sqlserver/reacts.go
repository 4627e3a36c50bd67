package sqlserver

import (
	"slices"

	"writegate"
)

// reactsSQL lists what may change more than the row that was written: the event, and the column that has to change
// for it, empty when it happens anyway. What a cascade reaches further down follows from its first step. A trigger
// of a view stands for what it writes; a view that writes to several tables has no other way.
const reactsSQL = wantedSQL + `
SELECT [w].[o] AS [writegate], [e].[type_desc], N''
FROM [wanted] AS [w]
INNER JOIN sys.triggers AS [g] ON [g].[parent_id] = [w].[id] AND [g].[is_disabled] = 0
INNER JOIN sys.trigger_events AS [e] ON [e].[object_id] = [g].[object_id]
UNION ALL
SELECT [w].[o], N'DELETE', N''
FROM [wanted] AS [w]
INNER JOIN sys.foreign_keys AS [f] ON [f].[referenced_object_id] = [w].[id] AND [f].[delete_referential_action] <> 0
UNION ALL
SELECT [w].[o], N'UPDATE', [c].[name]
FROM [wanted] AS [w]
INNER JOIN sys.foreign_keys AS [f] ON [f].[referenced_object_id] = [w].[id] AND [f].[update_referential_action] <> 0
INNER JOIN sys.foreign_key_columns AS [x] ON [x].[constraint_object_id] = [f].[object_id]
INNER JOIN sys.columns AS [c] ON [c].[object_id] = [x].[referenced_object_id] AND [c].[column_id] = [x].[referenced_column_id]
UNION ALL
SELECT [w].[o], N'VIEW', N''
FROM [wanted] AS [w]
INNER JOIN sys.views AS [v] ON [v].[object_id] = [w].[id]`

// relativesSQL pairs the tables asked for that show some of the same rows: one asked for twice, a view and what it
// selects from, and whatever meets further down. What a function returns or a synonym stands for is not known here.
const relativesSQL = wantedSQL + `, [uses] AS (
	SELECT DISTINCT [d].[referencing_id], [d].[referenced_id] FROM sys.sql_expression_dependencies AS [d]
	INNER JOIN sys.views AS [v] ON [v].[object_id] = [d].[referencing_id]
	WHERE [d].[referenced_id] IS NOT NULL AND [d].[referenced_class] = 1
), [shows] AS (
	SELECT [w].[o], [w].[id], 0 AS [depth] FROM [wanted] AS [w] WHERE [w].[id] IS NOT NULL
	UNION ALL
	SELECT [h].[o], [d].[referenced_id], [h].[depth] + 1
	FROM [shows] AS [h]
	INNER JOIN [uses] AS [d] ON [d].[referencing_id] = [h].[id]
	WHERE [h].[depth] < 32
)
SELECT DISTINCT [a].[o] AS [writegate], [b].[o] FROM [shows] AS [a] INNER JOIN [shows] AS [b] ON [b].[id] = [a].[id] AND [b].[o] <> [a].[o]`

// catalogReaction is a row of reactsSQL.
type catalogReaction struct {
	Ord           int
	Event, Column string
}

var everyVerb = []writegate.Verb{writegate.Insert, writegate.Update, writegate.Remove}

// reacts returns the verbs after which the database may do more. Nobody changes the key of a row, so what only
// follows it never happens.
func (c *catalog) reacts(ord int, keys []string) []writegate.Verb {
	happens := map[string]bool{}
	for _, r := range c.reactions {
		if r.Ord == ord && !slices.Contains(keys, r.Column) {
			happens[r.Event] = true
		}
	}
	if happens["VIEW"] {
		return everyVerb
	}
	var verbs []writegate.Verb
	for i, event := range []string{"INSERT", "UPDATE", "DELETE"} {
		if happens[event] {
			verbs = append(verbs, everyVerb[i])
		}
	}
	return verbs
}

// relate has a write by one name make stale what was read by another name of the same rows. One table asked for
// twice by the same key needs no care: its rows are known to be the same.
func (c *catalog) relate(refs []writegate.TableRef, found writegate.Schema) {
	for _, r := range c.relatives {
		t, other := found[refs[r[0]-1].Name], found[refs[r[1]-1].Name]
		if t != nil && other != nil && (t.Source != other.Source || t.Key != other.Key) {
			t.Reacts = everyVerb
		}
	}
}
