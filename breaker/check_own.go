package breaker

import (
	"encoding/binary"
	"fmt"
)

// ledgerOf looks for every operation of the device in the ledger: each has to be there once, with what the device was
// told. Numbers that name several operations, since the device was restored, are there as often.
func (d *device) ledgerOf(rows []record, v *violations) {
	type entry struct {
		id      int64
		refused bool
	}
	want := map[entry]int{}
	for _, tx := range d.done {
		for _, op := range tx.ops {
			want[entry{op.id, tx.refused}]++
		}
	}
	identities := map[string]int{}
	for _, row := range rows {
		if row["client_id"] != d.id {
			continue
		}
		ops, err := unpack([]byte(row["ops"]))
		if err != nil {
			v.add("ledger: device %s: %v", d.id, err)
			return
		}
		for _, op := range ops {
			if identities[op.identity]++; identities[op.identity] == 2 {
				v.add("ledger: device %s: operation %d is there twice", d.id, op.id)
			}
			want[entry{op.id, op.refused}]--
		}
	}
	for e, n := range want {
		switch {
		case n > 0:
			v.add("ledger: device %s: operation %d was acknowledged (refused: %v), and is not there", d.id, e.id, e.refused)
		case n < 0:
			v.add("ledger: device %s: operation %d is there (refused: %v), and was not acknowledged so", d.id, e.id, e.refused)
		}
	}
}

// settled is an operation in a row of the ledger.
type settled struct {
	id       int64
	identity string
	refused  bool
}

// unpack reads the packed operations of a row of the ledger: of each the difference of its number to the one before as a
// varint, 16 bytes of fingerprint, and one byte that says applied, nothing to do, rejected or aborted.
func unpack(b []byte) ([]settled, error) {
	const fingerprint = 16
	var all []settled
	id := int64(0)
	for len(b) > 0 {
		delta, n := binary.Varint(b)
		if n <= 0 || len(b) < n+fingerprint+1 {
			return nil, fmt.Errorf("a row can't be read")
		}
		id += delta
		all = append(all, settled{id, fmt.Sprintf("%d %x", id, b[n:n+fingerprint]), b[n+fingerprint] >= 2})
		b = b[n+fingerprint+1:]
	}
	return all, nil
}

// lettersOf looks for every refused transaction of the device in a table: each has to be there once, and no other.
func (d *device) lettersOf(where string, rows []record, v *violations) {
	got := map[string]int{}
	for _, row := range rows {
		if row["client_id"] == d.id {
			got[row["tx_id"]]++
		}
	}
	for _, tx := range d.done {
		id := fmt.Sprint(tx.id)
		if n := got[id]; tx.refused && n != 1 {
			v.add("%s: device %s: transaction %d was refused, and is there %d times", where, d.id, tx.id, n)
		}
		if tx.refused {
			delete(got, id)
		}
	}
	for id := range got {
		v.add("%s: device %s: transaction %s is there, and was not refused", where, d.id, id)
	}
}
