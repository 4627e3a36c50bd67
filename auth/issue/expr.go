package issue

import (
	"fmt"
	"maps"
	"slices"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"

	"writegate/internal/celenv"
)

// expression makes one claim.
type expression struct {
	name string // of the claim
	path string // in the configuration
	run  cel.Program
}

// compile makes the expressions of one key of the configuration, in the order of their names.
func compile(path string, texts map[string]string, faults *[]error) []expression {
	env, err := celenv.New(
		cel.Variable("claims", cel.MapType(cel.StringType, cel.DynType)),
		cel.Variable("row", cel.MapType(cel.StringType, cel.DynType)),
	)
	if err != nil {
		*faults = append(*faults, err)
		return nil
	}
	var out []expression
	for _, name := range slices.Sorted(maps.Keys(texts)) {
		e := expression{name: name, path: path + "." + name}
		if e.run, err = program(env, texts[name]); err != nil {
			*faults = append(*faults, fmt.Errorf("%s: %w", e.path, err))
		}
		out = append(out, e)
	}
	return out
}

func program(env *cel.Env, text string) (cel.Program, error) {
	checked, issues := env.Compile(text)
	if err := issues.Err(); err != nil {
		first := issues.Errors()[0]
		return nil, fmt.Errorf("%d:%d: %s", first.Location.Line(), first.Location.Column()+1, first.Message)
	}
	return env.Program(checked, cel.CostLimit(celenv.MaxCost))
}

// evaluate makes the values of expressions, by the names of their claims, without those that are null or absent.
func evaluate(all []expression, vars map[string]any) (map[string]any, error) {
	out := map[string]any{}
	for _, e := range all {
		value, _, err := e.run.Eval(vars)
		if optional, ok := value.(*types.Optional); ok && err == nil {
			if !optional.HasValue() {
				continue
			}
			value = optional.GetValue()
		}
		var plain any
		if err == nil {
			plain, err = celenv.JSON(value)
		}
		if err != nil {
			return nil, forbid(ReasonNotEntitled, "The token's claim "+e.name+" can't be made for this user.", fmt.Errorf("%s: %w", e.path, err))
		}
		if plain != nil {
			out[e.name] = plain
		}
	}
	return out, nil
}
