package postgres

import (
	"slices"

	"writegate"
)

// reactsSQL lists what may change more than the row that was written: a mask of events as in pg_trigger.tgtype,
// and the columns that have to change for it, none when it happens anyway. Rows may be in a partition or a child,
// and copies of triggers on partitions count as internal up to Postgres 14 though no constraint made them. What a
// foreign server does is not known here.
const reactsSQL = `with recursive ` + wantedSQL + `, rels as (
	select ord, oid from wanted
	union
	select r.ord, i.inhrelid from rels r join pg_catalog.pg_inherits i on i.inhparent = r.oid
)
select r.ord::int, (t.tgtype & 28)::int, '{}'::text[]
from rels r join pg_catalog.pg_trigger t on t.tgrelid = r.oid and t.tgenabled <> 'D' and (not t.tgisinternal or t.tgconstraint = 0)
union all
select r.ord::int, 28, '{}' from rels r join pg_catalog.pg_class c on c.oid = r.oid
where c.relkind in ('v', 'f') or exists (select from pg_catalog.pg_rewrite w where w.ev_class = c.oid)
union all
select r.ord::int, case when con.confdeltype in ('c', 'n', 'd') then 8 else 0 end, '{}'
from rels r join pg_catalog.pg_constraint con on con.confrelid = r.oid and con.contype = 'f'
union all
select r.ord::int, case when con.confupdtype in ('c', 'n', 'd') then 16 else 0 end, array(
	select a.attname::text from pg_catalog.pg_attribute a where a.attrelid = r.oid and a.attnum = any(con.confkey))
from rels r join pg_catalog.pg_constraint con on con.confrelid = r.oid and con.contype = 'f'`

// catalogReaction is a row of reactsSQL.
type catalogReaction struct {
	Ord, Events int32
	Columns     []string
}

// reacts returns the verbs after which the database may do more. Nobody changes the key of a row, so what only
// follows columns of it never happens.
func (c *catalog) reacts(ord int32, inKey func(source string) bool) []writegate.Verb {
	var events int32
	for _, r := range c.reactions {
		free := len(r.Columns) == 0 || slices.ContainsFunc(r.Columns, func(source string) bool { return !inKey(source) })
		if r.Ord == ord && free {
			events |= r.Events
		}
	}
	var verbs []writegate.Verb
	for _, v := range []struct {
		event int32
		verb  writegate.Verb
	}{{1 << 2, writegate.Insert}, {1 << 4, writegate.Update}, {1 << 3, writegate.Remove}} {
		if events&v.event != 0 {
			verbs = append(verbs, v.verb)
		}
	}
	return verbs
}
