package sqlserver

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"slices"
	"strconv"

	"writegate"
)

// linkKey is how our own table finds a link: by a hash, since no index takes two texts of that length.
func linkKey(at writegate.LinkKey) [sha256.Size]byte {
	return sha256.Sum256([]byte(strconv.Itoa(len(at.Table)) + ":" + at.Table + at.Row))
}

// linkField is the key of a link in a set.
const linkField = "CONVERT(binary(32), CONVERT(varbinary(max), [j].[k0], 1))"

// linked is the condition that a link of our own table, called l, is one of a set.
func linked(client string) string {
	return "[l].[client_key] = " + client + " AND [l].[link_key] = " + linkField
}

// claimLinks reads the links of a device to some rows, with the ledger.
func (t *tx) claimLinks(ctx context.Context, c writegate.Claim, into *writegate.Claimed) error {
	byKey := map[[sha256.Size]byte]writegate.LinkKey{}
	into.Links = map[writegate.LinkKey]writegate.Link{}
	for part := range slices.Chunk(c.Links, maxRows) {
		if err := t.room(ctx, 2); err != nil {
			return err
		}
		set := make([]map[string]any, len(part))
		for i, at := range part {
			key := linkKey(at)
			byKey[key] = at
			set[i] = map[string]any{"k0": "0x" + hex.EncodeToString(key[:])}
		}
		b := t.now()
		client := b.hash(c.ClientID)
		source, err := b.rows(set, 1, 0)
		if err != nil {
			return t.fail(err)
		}
		b.add("SELECT [l].[link_key] AS [writegate], [l].[base], [l].[made]\nFROM " + source + "\nINNER JOIN " + t.db.own + ".[writegate_links] AS [l] ON " + linked(client) + seekPlan)
		var key []byte
		var link writegate.Link
		b.result(each(func() error {
			if len(key) == sha256.Size {
				into.Links[byKey[[sha256.Size]byte(key)]] = link
			}
			return nil
		}, &key, &link.Base, &link.Made))
	}
	return nil
}

// settleLinks replaces links of the device of a run: it updates what is there and inserts what is not.
func (t *tx) settleLinks(ctx context.Context, r *writegate.Run, links map[writegate.LinkKey]writegate.Link) error {
	keys := slices.SortedFunc(maps.Keys(links), func(a, b writegate.LinkKey) int {
		return cmp.Or(cmp.Compare(a.Table, b.Table), cmp.Compare(a.Row, b.Row))
	})
	for part := range slices.Chunk(keys, maxRows) {
		if err := t.room(ctx, 3); err != nil {
			return err
		}
		set := make([]map[string]any, len(part))
		for i, at := range part {
			key := linkKey(at)
			set[i] = map[string]any{
				"k0": "0x" + hex.EncodeToString(key[:]), "c0": storable(at.Table), "c1": storable(at.Row), "c2": storable(links[at].Base), "c3": storable(links[at].Made),
			}
		}
		b, table := t.now(), t.db.own+".[writegate_links]"
		client, id := b.hash(r.ClientID), b.text(storable(r.ClientID))
		source, err := b.rows(set, 1, 4)
		if err != nil {
			return t.fail(err)
		}
		b.add("UPDATE [l] SET [base] = [j].[c2], [made] = [j].[c3], [updated_at] = SYSDATETIMEOFFSET()\nFROM " + source + "\nINNER JOIN " + table + " AS [l] WITH (ROWLOCK) ON " + linked(client) + seekPlan)
		b.add("INSERT INTO " + table + " ([client_key], [link_key], [client_id], [table_name], [row_id], [base], [made], [updated_at])\n" +
			"SELECT " + client + ", " + linkField + ", " + id + ", [j].[c0], [j].[c1], [j].[c2], [j].[c3], SYSDATETIMEOFFSET()\nFROM " + source +
			"\nWHERE NOT EXISTS (SELECT 1 FROM " + table + " AS [l] WHERE " + linked(client) + ")")
	}
	return nil
}
