package expr

import (
	"fmt"
	"math"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/cost"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
)

// estimate bounds what one evaluation costs. What has no bound, because it walks a text, a list or a document
// of any size, runs under a limit instead.
func (c *Compiler) estimate(env *cel.Env, whole *cel.Ast) (bounded bool, issue *Issue) {
	e, err := env.EstimateCost(whole, estimator{c})
	switch {
	case err != nil || e.Max == math.MaxUint64:
		return false, nil
	case e.Max > c.limits.Cost:
		return false, &Issue{Line: 1, Code: "P301", Message: fmt.Sprintf("the expression may cost %d units; at most %d are allowed", e.Max, c.limits.Cost)}
	}
	return true, nil
}

// lookupCost is what a lookup costs, in units.
const lookupCost = 10

// estimator takes the comparison of two scalars as one unit, whatever their length: it is a compare of memory. It knows
// how long the lists of lookups are at most.
type estimator struct{ *Compiler }

func (estimator) EstimateSize(cost.AstNode) *cost.SizeEstimate { return nil }

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
