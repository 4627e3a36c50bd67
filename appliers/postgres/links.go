package postgres

import (
	"cmp"
	"maps"
	"slices"

	"github.com/jackc/pgx/v5"

	"writegate"
)

// claimLinks reads the links of a device to some rows. It asks for nothing where nothing is wanted: the table is younger
// than the others and may be missing.
func (t *tx) claimLinks(client string, wanted []writegate.LinkKey, into *map[writegate.LinkKey]writegate.Link) {
	if len(wanted) == 0 {
		return
	}
	tables, rows := linkTexts(wanted)
	t.queue(func(results pgx.BatchResults) error {
		var found []foundLink
		err := collect(&found, pgx.RowToStructByPos[foundLink])(results)
		*into = make(map[writegate.LinkKey]writegate.Link, len(found))
		for _, f := range found {
			(*into)[wanted[f.Ord-1]] = writegate.Link{Base: f.Base, Made: f.Made}
		}
		return err
	}, "select w.ord::int, l.base, l.made from unnest($2::text[], $3::text[]) with ordinality as w(table_name, row_id, ord) join "+t.db.own+
		".writegate_links as l using (table_name, row_id) where l.client_id = $1", client, tables, rows)
}

// foundLink is the link to the wanted row of that number.
type foundLink struct {
	Ord        int32
	Base, Made string
}

func (t *tx) settleLinks(client string, links map[writegate.LinkKey]writegate.Link) {
	if len(links) == 0 {
		return
	}
	keys := slices.SortedFunc(maps.Keys(links), func(a, b writegate.LinkKey) int {
		return cmp.Or(cmp.Compare(a.Table, b.Table), cmp.Compare(a.Row, b.Row))
	})
	tables, rows := linkTexts(keys)
	base, made := make([]string, len(keys)), make([]string, len(keys))
	for i, at := range keys {
		base[i], made[i] = storable(links[at].Base), storable(links[at].Made)
	}
	t.queue(t.ignore, "insert into "+t.db.own+".writegate_links (client_id, table_name, row_id, base, made)"+
		" select $1, u.* from unnest($2::text[], $3::text[], $4::text[], $5::text[]) as u"+
		" on conflict (client_id, table_name, row_id) do update set base = excluded.base, made = excluded.made, updated_at = now()",
		client, tables, rows, base, made)
}

func linkTexts(keys []writegate.LinkKey) (tables, rows []string) {
	tables, rows = make([]string, len(keys)), make([]string, len(keys))
	for i, at := range keys {
		tables[i], rows[i] = storable(at.Table), storable(at.Row)
	}
	return tables, rows
}
