package devsync

import (
	"crypto/rand"
	"encoding/hex"
	"sort"
)

// bucket is what clients can see at one moment. It never changes, so streams read it without a lock.
type bucket struct {
	// name differs between processes, since operation ids start again; a client then starts afresh.
	name string
	// last is the id of the newest operation, 0 in an empty bucket.
	last int64
	// checkpoint is the number of the snapshot: every write checkpoint up to it is applied.
	checkpoint int64
	// ops holds the latest operation of each row that is or was there, in ascending order of id.
	ops []*op
}

// op says that a row has these columns, or is gone.
type op struct {
	id      int64
	row     row
	data    string
	removed bool
}

// row names a row of the source.
type row struct{ table, id string }

// after returns the operations that a client lacks that has seen everything up to id.
func (b *bucket) after(id int64) []*op {
	i := sort.Search(len(b.ops), func(i int) bool { return b.ops[i].id > id })
	return b.ops[i:]
}

// journal turns successive snapshots into buckets. It is used by one goroutine.
//
// Only the latest operation of a row is kept: memory is bounded by the rows that are there plus those that
// went, and the latter are forgotten by starting a new bucket when they outnumber the former.
type journal struct {
	name    string
	last    int64
	ops     []*op
	rows    map[row]*entry
	round   uint64
	removed int
}

// entry is what the journal knows of a row: its latest operation and the snapshot that last had it.
type entry struct {
	op    *op
	round uint64
}

// keepRemoved is how many removed rows are remembered however few are there.
const keepRemoved = 10_000

func newJournal() *journal {
	return &journal{name: newName(), rows: map[row]*entry{}}
}

func newName() string {
	id := make([]byte, 4)
	_, _ = rand.Read(id) // never fails
	return "dev_" + hex.EncodeToString(id) + "[]"
}

// round collects one snapshot.
type round struct {
	j    *journal
	n    uint64
	puts []*op
}

// begin starts a snapshot. One that is not committed leaves nothing behind.
func (j *journal) begin() *round {
	j.round++
	return &round{j: j, n: j.round}
}

// add takes a row. The data is copied if it is kept.
func (r *round) add(table, id string, data []byte) {
	at := row{table, id}
	e := r.j.rows[at]
	if e != nil {
		e.round = r.n
		if !e.op.removed && e.op.data == string(data) {
			return
		}
	}
	r.puts = append(r.puts, &op{row: at, data: string(data)})
}

// commit makes the snapshot the current one and reports whether it differs from the last.
func (r *round) commit() bool {
	j := r.j
	news := r.puts
	for _, e := range j.rows {
		if e.round != r.n && !e.op.removed {
			news = append(news, &op{row: e.op.row, removed: true})
		}
	}
	if len(news) == 0 {
		return false
	}
	for _, o := range news {
		j.put(o, r.n)
	}
	if j.removed > keepRemoved && j.removed > len(j.rows)/2 {
		j.restart()
		return true
	}
	ops := make([]*op, 0, len(j.rows))
	for _, o := range j.ops {
		if j.rows[o.row].op == o {
			ops = append(ops, o)
		}
	}
	for _, o := range news {
		if j.rows[o.row].op == o {
			ops = append(ops, o)
		}
	}
	j.ops = ops
	return true
}

// put numbers an operation and makes it the latest of its row.
func (j *journal) put(o *op, n uint64) {
	j.last++
	o.id = j.last
	e := j.rows[o.row]
	if e == nil {
		e = &entry{round: n}
		j.rows[o.row] = e
	}
	if e.op != nil && e.op.removed {
		j.removed--
	}
	if o.removed {
		j.removed++
	}
	e.op = o
}

// restart forgets removed rows under a new name, which makes clients start afresh. Operations in the hands
// of streams are not touched.
func (j *journal) restart() {
	j.name, j.last, j.removed = newName(), 0, 0
	j.ops = make([]*op, 0, len(j.rows))
	for at, e := range j.rows {
		if e.op.removed {
			delete(j.rows, at)
			continue
		}
		j.last++
		e.op = &op{id: j.last, row: at, data: e.op.data}
		j.ops = append(j.ops, e.op)
	}
}

// bucket returns the current state under the number of the snapshot that found it.
func (j *journal) bucket(checkpoint int64) *bucket {
	return &bucket{name: j.name, last: j.last, checkpoint: checkpoint, ops: j.ops}
}
