package expr

import (
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/overloads"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
)

// counter counts what the library counts as one unit though it walks through a text, a list or a document: comparisons of
// what is nested, and calls on values whose type is only known when they are there.
type counter struct{ *Compiler }

// CallCost implements the library's count.
func (c counter) CallCost(function, overload string, args []ref.Val, _ ref.Val) *uint64 {
	cost := uint64(1)
	switch {
	case c.lookups[function] != nil:
		cost = lookupCost
	case function == operators.In && len(args) == 2:
		cost = weight(args[1])
	case function == operators.Equals || function == operators.NotEquals:
		for _, a := range args {
			cost += weight(a)
		}
	case overload != "" || function == overloads.Size:
		return nil
	case function == overloads.Matches && len(args) == 2:
		cost = weight(args[0]) * weight(args[1])
	default:
		for _, a := range args {
			cost += weight(a)
		}
	}
	return &cost
}

// weight is how many units it costs to walk through a value.
func weight(v ref.Val) uint64 {
	n := uint64(1)
	switch v := v.(type) {
	case types.String:
		n += uint64(len(v)) / 10
	case types.Bytes:
		n += uint64(len(v)) / 10
	case traits.Mapper:
		for it := v.Iterator(); it.HasNext() == types.True; {
			key := it.Next()
			n += weight(key) + weight(v.Get(key))
		}
	case traits.Lister:
		for it := v.Iterator(); it.HasNext() == types.True; {
			n += weight(it.Next())
		}
	}
	return n
}
