package expr

import (
	"fmt"
	"math"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/cost"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
)

// usualSize is how many bytes a text or document usually has at most. It is no limit: what is read may be larger, and is
// then looked at under a limit of cost.
const usualSize = 4 << 10

// bound says what keeps the cost of an evaluation within the limit.
type bound uint8

const (
	always  bound = iota // the expression itself
	usually              // the sizes that texts and documents usually have
	never                // nothing but counting
)

// estimate finds out what keeps the cost of an expression within the limit.
func (c *Compiler) estimate(env *cel.Env, whole *cel.Ast) (bound, *Issue) {
	e, err := env.EstimateCost(whole, estimator{c, false})
	switch {
	case err != nil:
		return never, nil
	case e.Max <= c.limits.Cost:
		return always, nil
	case e.Max != math.MaxUint64:
		return never, &Issue{Line: 1, Code: "P301", Message: fmt.Sprintf("the expression may cost %d units; at most %d are allowed", e.Max, c.limits.Cost)}
	}
	if e, err = env.EstimateCost(whole, estimator{c, true}); err != nil || e.Max > c.limits.Cost {
		return never, &Issue{Line: 1, Code: "P301", Warning: true, Message: fmt.Sprintf(
			"what the expression costs grows with texts, lists or documents that need not even be large; above %d units it denies, and it is counted each time", c.limits.Cost)}
	}
	return usually, nil
}

// lookupCost is what a lookup costs, in units: it keeps a loop over what clients send from asking without end.
const lookupCost = 50

// estimator takes the comparison of two scalars as one unit, whatever their length: it is a compare of memory. It knows
// how long the lists of lookups are at most.
type estimator struct {
	*Compiler
	usual bool // take what is read to be of a usual size
}

// EstimateSize implements the library's estimator.
func (e estimator) EstimateSize(n cost.AstNode) *cost.SizeEstimate {
	if !e.usual || n.Expr() == nil {
		return nil
	}
	_, _, read := selected(n.Expr())
	if element := n.Expr().Kind() == ast.IdentKind && len(n.Path()) > 1; !read && !element {
		return nil
	}
	return &cost.SizeEstimate{Max: usualSize}
}

// EstimateCallCost implements the library's estimator.
func (e estimator) EstimateCallCost(function, _ string, _ *cost.AstNode, args []cost.AstNode) *cost.CallEstimate {
	if l := e.lookups[function]; l != nil {
		out := &cost.CallEstimate{CostEstimate: cost.FixedCostEstimate(lookupCost)}
		if l.Form == List {
			out.ResultSize = &cost.SizeEstimate{Max: uint64(l.Limit)}
		}
		return out
	}
	switch function {
	case operators.Equals, operators.NotEquals, operators.Less, operators.LessEquals, operators.Greater, operators.GreaterEquals:
	default:
		return nil
	}
	for _, a := range args {
		switch a.Type().Kind() {
		case types.StringKind, types.BytesKind, types.IntKind, types.DoubleKind, types.BoolKind, types.TimestampKind, types.NullTypeKind:
		default:
			return nil
		}
	}
	return &cost.CallEstimate{CostEstimate: cost.FixedCostEstimate(1)}
}
