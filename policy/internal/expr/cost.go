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
func estimate(env *cel.Env, checked *cel.Ast) (bounded bool, issue *Issue) {
	c, err := env.EstimateCost(checked, estimator{})
	switch {
	case err != nil || c.Max == math.MaxUint64:
		return false, nil
	case c.Max > costCeiling:
		return false, &Issue{Line: 1, Code: "P301", Message: fmt.Sprintf("the expression may cost %d units; at most %d are allowed", c.Max, costCeiling)}
	}
	return true, nil
}

// estimator takes the comparison of two scalars as one unit, whatever their length: it is a compare of memory.
type estimator struct{}

func (estimator) EstimateSize(cost.AstNode) *cost.SizeEstimate { return nil }

func (estimator) EstimateCallCost(function, _ string, _ *cost.AstNode, args []cost.AstNode) *cost.CallEstimate {
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
