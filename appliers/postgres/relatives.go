package postgres

import (
	"maps"
	"slices"

	"writegate"
)

// relativesSQL pairs the tables asked for that show some of the same rows: a view and what it selects from, a table
// and its partitions or children, and whatever meets further down. What a function returns and what a foreign
// server has is not known here.
const relativesSQL = `with recursive ` + wantedSQL + `, shows as (
	select ord, oid from wanted
	union
	select s.ord, x.oid from shows s cross join lateral (
		select i.inhrelid from pg_catalog.pg_inherits i where i.inhparent = s.oid
		union all
		select d.refobjid from pg_catalog.pg_rewrite w join pg_catalog.pg_depend d on d.objid = w.oid
			and d.classid = 'pg_catalog.pg_rewrite'::regclass and d.refclassid = 'pg_catalog.pg_class'::regclass
		where w.ev_class = s.oid and w.ev_type = '1'
	) x(oid)
)
select distinct a.ord::int, b.ord::int from shows a join shows b on b.oid = a.oid and b.ord <> a.ord`

// catalogRelatives is a row of relativesSQL.
type catalogRelatives struct {
	Ord, Other int32
}

// relate has a write by one name make stale what was read by another name of the same rows. One table asked for
// twice by the same names of its columns and the same key needs no care: its rows are known to be the same.
func (c *catalog) relate(refs []writegate.TableRef, found writegate.Schema) {
	for _, r := range c.relatives {
		t, other := found[refs[r.Ord-1].Name], found[refs[r.Other-1].Name]
		if t.Source != other.Source || !sameRows(t, other) {
			t.Reacts = []writegate.Verb{writegate.Insert, writegate.Update, writegate.Remove}
		}
	}
}

func sameRows(a, b *writegate.Table) bool {
	one, other := driverOf(a), driverOf(b)
	return a.Key == b.Key && maps.Equal(one.names, other.names) &&
		slices.EqualFunc(one.keys, other.keys, func(x, y *column) bool { return x.name == y.name })
}
