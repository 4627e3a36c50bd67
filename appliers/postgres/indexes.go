package postgres

import "writegate"

// indexesSQL lists the indexes through which rows are found by equal values, with the columns before the first
// expression. Those of a kind that is for other questions, and those that are not in order, are left out. Of what views
// and foreign servers have nothing is known.
const indexesSQL = `with ` + wantedSQL + `, found as (
	select w.ord, i.indexrelid, i.indrelid, i.indkey::int2[] as key, i.indnkeyatts,
		i.indisunique and i.indpred is null and i.indexprs is null as sure
	from wanted w
	join pg_catalog.pg_index i on i.indrelid = w.oid and i.indisvalid and i.indisready and i.indislive
	join pg_catalog.pg_class c on c.oid = i.indexrelid
	join pg_catalog.pg_am m on m.oid = c.relam and m.amname in ('btree', 'hash')
)
select f.ord::int, f.sure, array(
	select a.attname::text from generate_series(0, f.indnkeyatts - 1) as k(pos)
	join pg_catalog.pg_attribute a on a.attrelid = f.indrelid and a.attnum = f.key[k.pos]
	where not 0 = any(f.key[0:k.pos]) order by k.pos)
from found f order by f.ord, f.indexrelid`

// catalogIndex is a row of indexesSQL.
type catalogIndex struct {
	Ord     int32
	Unique  bool
	Columns []string
}

// indexes returns those of a table of that kind, by the names that clients use.
func (c *catalog) indexes(ord int32, own *table, kind string) []writegate.Index {
	if kind == "v" || kind == "f" {
		return nil
	}
	all := []writegate.Index{}
	for _, i := range c.indexed {
		if i.Ord != ord || len(i.Columns) == 0 {
			continue
		}
		index := writegate.Index{Unique: i.Unique}
		for _, source := range i.Columns {
			index.Columns = append(index.Columns, own.names[source])
		}
		all = append(all, index)
	}
	return all
}
