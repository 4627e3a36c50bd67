package expr

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
)

// Kind says what an expression gave.
type Kind uint8

// The kinds. Open is what can't be known yet, Failed an error.
const (
	NotAsked Kind = iota
	True
	False
	Other
	Failed
	Open
)

// Value is what an expression gave, for people.
type Value struct {
	Kind Kind
	// Text is the value as an expression, or the error.
	Text string
}

// Listen has somebody hear of every expression that is evaluated from now on, nil for nobody.
func (v *Vars) Listen(to func(*Program, Value)) { v.listen = to }

// Proposed reports whether the operation has a resulting row already.
func (v *Vars) Proposed() bool { return v.new != nil }

// tell passes on what a program gave.
func (v *Vars) tell(p *Program, out ref.Val, err error) { v.listen(p, valueOf(out, err)) }

func valueOf(out ref.Val, err error) Value {
	switch {
	case err != nil:
		return Value{Failed, err.Error()}
	case out == types.True:
		return Value{True, "true"}
	case out == types.False:
		return Value{False, "false"}
	case types.IsUnknown(out):
		return Value{Open, "not known yet"}
	}
	return Value{Other, written(out, 0)}
}

// The bounds of what is written of a value.
const (
	mostText  = 80
	mostItems = 10
)

// written is a value as an expression writes it, cut where it is long.
func written(v ref.Val, depth int) string {
	switch v := v.(type) {
	case types.String:
		text := []rune(string(v))
		if len(text) > mostText {
			return strconv.Quote(string(text[:mostText])) + "…"
		}
		return strconv.Quote(string(v))
	case types.Timestamp:
		return v.Format(time.RFC3339Nano)
	case types.Bytes:
		return counted(len(v), "byte")
	case *types.Optional:
		if !v.HasValue() {
			return "none"
		}
		return written(v.GetValue(), depth)
	case *found:
		return v.written()
	case traits.Mapper:
		return counted(int(v.Size().(types.Int)), "key")
	case traits.Lister:
		return listed(v, depth)
	}
	if v.Type() == types.NullType {
		return "null"
	}
	return fmt.Sprint(v.Value())
}

func counted(n int, thing string) string {
	if n != 1 {
		thing += "s"
	}
	return fmt.Sprintf("(%d %s)", n, thing)
}

func listed(v traits.Lister, depth int) string {
	n, _ := v.Size().(types.Int)
	if depth > 1 || n > mostItems {
		return counted(int(n), "item")
	}
	var items []string
	for i := range n {
		items = append(items, written(v.Get(i), depth+1))
	}
	return "[" + strings.Join(items, ", ") + "]"
}

// written shows the columns of a row that expressions can read.
func (f *found) written() string {
	var cells []string
	for _, name := range f.lookup.Select {
		cells = append(cells, name+": "+written(f.lookup.row.read[name](f.vars, f.row), 1))
	}
	slices.Sort(cells)
	return "{" + strings.Join(cells, ", ") + "}"
}
