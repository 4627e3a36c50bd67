package sqlite

import (
	"context"
	"slices"

	"writegate"
)

// indexes returns those of a table with the columns before the first expression. The primary key is among them, though
// SQLite makes no index for one that is the number of the row.
func (d *DB) indexes(ctx context.Context, t *writegate.Table) ([]writegate.Index, error) {
	own := tableOf(t)
	rows, err := d.reader.QueryContext(ctx, `SELECT l.seq, x.seqno, coalesce(x.name, ''), l."unique" AND NOT l.partial AS sure
		FROM pragma_index_list(?1) AS l, pragma_index_xinfo(l.name) AS x WHERE x.key
		UNION ALL SELECT -1, 0, name, 1 FROM pragma_table_info(?1) WHERE pk = 1 AND NOT EXISTS (SELECT 1 FROM pragma_index_list(?1) WHERE origin = 'pk')
		ORDER BY 1, 2`, t.Source)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	all := []writegate.Index{}
	last, cut := -2, false
	for rows.Next() {
		var index, place int
		var source string // none for an expression
		var sure bool
		if err := rows.Scan(&index, &place, &source, &sure); err != nil {
			return nil, err
		}
		if index != last {
			all, last, cut = append(all, writegate.Index{Unique: sure}), index, false
		}
		of := &all[len(all)-1]
		if cut = cut || source == ""; cut {
			of.Unique = false
			continue
		}
		of.Columns = append(of.Columns, own.names[source])
	}
	return slices.DeleteFunc(all, func(i writegate.Index) bool { return len(i.Columns) == 0 }), rows.Err()
}
