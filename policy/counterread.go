package policy

import (
	"math/big"

	"writegate"
	"writegate/policy/internal/expr"
	"writegate/policy/internal/tree"
)

// counterSpec is what counters: says of a column.
type counterSpec struct {
	column    word
	from      word
	low, high *tree.Node
	clamps    bool
	message   messageSpec
	path      string
}

// counters reads which columns are added to.
func (r *reader) counters(path string, into *[]counterSpec) func(*tree.Node) {
	return func(n *tree.Node) {
		if !r.is(n, path+".counters", tree.Map) {
			return
		}
		for _, f := range n.Fields {
			s := counterSpec{column: word{f.Name, f.Pos}, path: path + ".counters." + f.Name}
			r.keys(f.Value, s.path, map[string]func(*tree.Node){
				"from":         func(n *tree.Node) { s.from = r.word(n, s.path) },
				"min":          r.bound(s.path+".min", &s.low),
				"max":          r.bound(s.path+".max", &s.high),
				"on_violation": choice(r, s.path+".on_violation", &s.clamps, map[string]bool{"reject": false, "clamp": true}),
				"code":         func(n *tree.Node) { s.message.code = r.code(n, s.path) },
				"message":      func(n *tree.Node) { s.message.text = r.line(n, s.path) },
			})
			switch s.from.text {
			case "":
				r.fault(f.Pos, s.path, "", "the key from: is missing; it is previous, delta or metadata.NAME")
			case "previous", "delta":
			default:
				r.from(s.from, s.path, "previous, delta or metadata.NAME")
			}
			*into = append(*into, s)
		}
	}
}

// bound keeps a number.
func (r *reader) bound(path string, into **tree.Node) func(*tree.Node) {
	return func(n *tree.Node) {
		if n.Kind != tree.Scalar || !number.MatchString(n.Text) {
			r.fault(n.Pos, path, "", "expected a number")
			return
		}
		*into = n
	}
}

// counters binds counters:.
func (b *tableBinder) counters() {
	for i := range b.spec.counters {
		spec := &b.spec.counters[i]
		col := b.writable(spec.column, spec.path)
		if col == nil {
			continue
		}
		switch {
		case col.Type != writegate.Int && col.Type != writegate.Decimal:
			b.fault(spec.column.pos, spec.path, "P102", "a counter is an int or a decimal, which add up exactly, but %s is %s", col.Name, col.Type)
			continue
		case col.immutable || col.mode == server || col.mode == dropped:
			b.fault(spec.column.pos, spec.path, "", "%s is listed under immutable:, server: or ignore:, so no client could add to it", col.Name)
			continue
		case col.managed:
			b.fault(spec.column.pos, spec.path, "", "%s belongs to conflict:", col.Name)
			continue
		}
		b.unshared(col, false, "%s is a counter, which only clients add to")
		c := &counter{col: col, from: sourceOf(spec.from.text), clamps: spec.clamps, low: limit(spec.low), high: limit(spec.high)}
		if c.low != nil && c.high != nil && c.low.Cmp(c.high) > 0 {
			b.fault(spec.low.Pos, spec.path, "", "min: is greater than max:")
		}
		c.message = b.message(&spec.message, "counters "+col.Name, spec.path, expr.Moment)
		c.message.column = col.Name
		col.counter, col.managed = c, true
		b.out.counters = append(b.out.counters, c)
	}
}

func limit(n *tree.Node) *big.Rat {
	if n == nil {
		return nil
	}
	r, _ := new(big.Rat).SetString(n.Text)
	return r
}
