package policy

import (
	"encoding/json"
	"maps"

	"writegate"
	"writegate/policy/internal/tree"
)

// settings hold for a policy as a whole.
type settings struct {
	batch  writegate.Batch
	expose exposure
	limits limits
	// ledgerKeep is how long operations are recognized, zero for as long as is usual, and heldAt where held: stands.
	ledgerKeep timespan
	heldAt     tree.Pos
}

// limits bound what a policy and what clients send may cost. Zero leaves it at what is usual.
type limits struct {
	opBytes     int64  // what one operation carries
	lookups     int    // declared ones
	lookupDepth int    // lookups whose arguments come from others
	ruleCost    uint64 // units of one evaluation
}

// engine says what happens where a write meets a row or none, for all tables or for one.
type engine struct {
	missing missingMode
	put     putMode
	unknown unknownMode
}

// missingMode is what becomes of a PATCH of a row that is not there.
type missingMode uint8

const (
	missingIgnore missingMode = iota // nothing: the deletion wins
	missingReject                    // it is refused
	missingKeep                      // it is refused and kept as a dead letter, whatever route: says
)

var missingModes = map[string]missingMode{"ignore": missingIgnore, "reject": missingReject, "dead_letter": missingKeep}

// putMode is what a PUT does to a row that is there already.
type putMode uint8

const (
	putMerge   putMode = iota // columns that it leaves out keep their values
	putReplace                // nullable columns that it leaves out, and that the client may write, become null
	putReject                 // it is refused unless it changes nothing
	putIgnore                 // nothing, whatever the row is and whoever it belongs to
)

// engine reads what holds for all tables.
func (r *reader) engine(n *tree.Node, path string, s *settings, e *engine) {
	known := map[string]func(*tree.Node){
		"batch":      choice(r, path+".batch", &s.batch.Apart, map[string]bool{"atomic": false, "per_op": true}),
		"dependents": choice(r, path+".dependents", &s.batch.Try, map[string]bool{"skip": false, "try": true}),
		"expose":     choice(r, path+".expose", &s.expose, exposures),
		"ledger":     func(n *tree.Node) { r.ledger(n, path+".ledger", s) },
		"limits":     func(n *tree.Node) { r.limits(n, path+".limits", s) },
	}
	maps.Copy(known, r.engineKeys(path, e))
	r.keys(n, path, known)
}

// engineKeys are the keys that tables have too.
func (r *reader) engineKeys(path string, e *engine) map[string]func(*tree.Node) {
	return map[string]func(*tree.Node){
		"patch_missing": choice(r, path, &e.missing, missingModes),
		"put_existing":  choice(r, path, &e.put, map[string]putMode{"merge": putMerge, "replace": putReplace, "reject": putReject, "ignore": putIgnore}),
	}
}

func (r *reader) limits(n *tree.Node, path string, s *settings) {
	l := &s.limits
	r.keys(n, path, map[string]func(*tree.Node){
		"ops":          integer(r, path+".ops", 1, &s.batch.Most),
		"op_bytes":     r.size(path+".op_bytes", &l.opBytes),
		"lookups":      integer(r, path+".lookups", 1, &l.lookups),
		"lookup_depth": integer(r, path+".lookup_depth", 1, &l.lookupDepth),
		"rule_cost":    integer(r, path+".rule_cost", 1, &l.ruleCost),
	})
}

// size is how much an operation carries, in bytes of its names, texts and documents.
func size(op *writegate.Op) int64 {
	n := len(op.Table) + len(op.ID) + len(op.Metadata)
	for _, row := range []writegate.Row{op.Data, op.Previous} {
		for name, v := range row {
			switch n += len(name); v := v.(type) {
			case string:
				n += len(v)
			case json.Number:
				n += len(v)
			case writegate.JSON:
				n += len(v)
			}
		}
	}
	return int64(n)
}
