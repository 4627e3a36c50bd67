package mysql

import (
	"cmp"
	"database/sql"
	"maps"
	"slices"
	"strings"

	"writegate"
)

// claimLinks asks for the links of a device, table by table.
func (t *tx) claimLinks(c writegate.Claim) map[writegate.LinkKey]writegate.Link {
	found := map[writegate.LinkKey]writegate.Link{}
	rows := map[string][]any{}
	for _, at := range c.Links {
		rows[at.Table] = append(rows[at.Table], at.Row)
	}
	for _, table := range slices.Sorted(maps.Keys(rows)) {
		for keys := range portions(rows[table]) {
			literals := make([]string, len(keys))
			for i, key := range keys {
				literals[i] = bytesLiteral(key.(string))
			}
			t.queue(readLinks(table, found), "SELECT row_id, base, made FROM "+t.db.own+".writegate_links WHERE client_key = "+keyOf(c.ClientID)+
				" AND table_name = "+bytesLiteral(table)+" AND row_id IN ("+join(literals...)+")")
		}
	}
	return found
}

func readLinks(table string, into map[writegate.LinkKey]writegate.Link) func(*sql.Rows) error {
	return func(rows *sql.Rows) error {
		for rows.Next() {
			at, link := writegate.LinkKey{Table: table}, writegate.Link{}
			if err := rows.Scan(&at.Row, &link.Base, &link.Made); err != nil {
				return err
			}
			into[at] = link
		}
		return rows.Err()
	}
}

// settleLinks replaces links of the device of a run.
func (t *tx) settleLinks(r *writegate.Run, links map[writegate.LinkKey]writegate.Link) {
	keys := slices.SortedFunc(maps.Keys(links), func(a, b writegate.LinkKey) int {
		return cmp.Or(cmp.Compare(a.Table, b.Table), cmp.Compare(a.Row, b.Row))
	})
	for part := range slices.Chunk(keys, mostRows) {
		values := make([]string, len(part))
		for i, at := range part {
			values[i] = "(" + join(keyOf(r.ClientID), bytesLiteral(at.Table), bytesLiteral(at.Row), ownText(r.ClientID),
				bytesLiteral(links[at].Base), bytesLiteral(links[at].Made), "CURRENT_TIMESTAMP(6)") + ")"
		}
		t.do("INSERT INTO " + t.db.own + ".writegate_links (client_key, table_name, row_id, client_id, base, made, updated_at) VALUES " + strings.Join(values, ", ") +
			" ON DUPLICATE KEY UPDATE base = VALUES(base), made = VALUES(made), updated_at = VALUES(updated_at)")
	}
}
