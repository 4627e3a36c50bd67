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

// The tables asked for by their numbers, and which views select from what. Dependencies are for those to see who may
// see all definitions; a row of zeros stands for not knowing. What a function returns or a synonym stands for is not
// among them.
const (
	objectsSQL = wantedSQL + `
SELECT [w].[o] AS [writegate], [w].[id] FROM [wanted] AS [w] WHERE [w].[id] IS NOT NULL`

	usesSQL = `IF COALESCE(HAS_PERMS_BY_NAME(N'sys.sql_expression_dependencies', N'OBJECT', N'SELECT'), 0) = 1 AND COALESCE(HAS_PERMS_BY_NAME(QUOTENAME(DB_NAME()), N'DATABASE', N'VIEW DEFINITION'), 0) = 1
	SELECT DISTINCT [d].[referencing_id] AS [writegate], [d].[referenced_id]
	FROM sys.sql_expression_dependencies AS [d]
	INNER JOIN sys.views AS [v] ON [v].[object_id] = [d].[referencing_id]
	WHERE [d].[referenced_id] IS NOT NULL AND [d].[referenced_class] = 1
ELSE
	SELECT 0 AS [writegate], 0`
)

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

// relate has a write by one name make stale what was read by another name of the same rows: of one table that is
// asked for twice, of a view and what it selects from, and of whatever meets further down. One table asked for twice
// by the same key needs no care: its rows are known to be the same.
func (c *catalog) relate(refs []writegate.TableRef, found writegate.Schema) {
	shows, views := make([]map[int]bool, len(refs)), make([]bool, len(refs))
	for _, o := range c.objects {
		shows[o[0]-1] = c.shown(o[1], map[int]bool{})
	}
	for i := range c.columns {
		views[c.columns[i].Ord-1] = c.columns[i].Kind == "V"
	}
	unknown := slices.Contains(c.uses, [2]int{})
	for i, a := range refs {
		for j, b := range refs {
			t, other := found[a.Name], found[b.Name]
			if i == j || t == nil || other == nil || t.Source == other.Source && t.Key == other.Key {
				continue
			}
			if unknown && (views[i] || views[j]) || meet(shows[i], shows[j]) {
				t.Reacts = everyVerb
			}
		}
	}
}

// shown adds an object and all that it selects from.
func (c *catalog) shown(id int, all map[int]bool) map[int]bool {
	if all[id] {
		return all
	}
	all[id] = true
	for _, use := range c.uses {
		if use[0] == id {
			c.shown(use[1], all)
		}
	}
	return all
}

func meet(a, b map[int]bool) bool {
	for id := range a {
		if b[id] {
			return true
		}
	}
	return false
}
