// Package expr compiles and runs the conditions and values of a policy. It is the only package that knows
// which expression language that is.
package expr

import (
	"fmt"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"

	"writegate/internal/celenv"
)

// Scope says which names an expression may use besides claims.
type Scope uint8

// The names. New brings changed() along, which alone is for deletions: they change nothing. Moment is op, req and now,
// and lookups.
const (
	Moment Scope = 1 << iota
	Old
	New
	Row
	Changed
)

// Issue is a fault or a doubt in an expression.
type Issue struct {
	// Line counts from 1 and Column from 0, in characters of the expression.
	Line, Column int
	// Code is the number of the check, such as P102.
	Code    string
	Message string
	// Warning does not keep the policy from loading.
	Warning bool
}

// Limits bound what expressions may cost. A zero stands for the default.
type Limits struct {
	// Cost is how many units one evaluation may cost, by default 100,000.
	Cost uint64
	// Depth is how many lookups may hang on one another, by default 2.
	Depth int
}

// Compiler compiles the expressions of one policy.
type Compiler struct {
	base    *cel.Env
	claims  *structType
	lookups map[string]*lookup
	defs    map[string]*definition
	limits  Limits
}

// NewCompiler makes a compiler for expressions over these claims.
func NewCompiler(claims []Claim, limits Limits) (*Compiler, error) {
	if limits.Cost == 0 {
		limits.Cost = celenv.MaxCost
	}
	if limits.Depth == 0 {
		limits.Depth = 2
	}
	c := &Compiler{claims: claimsType(claims), lookups: map[string]*lookup{}, defs: map[string]*definition{}, limits: limits}
	base, err := celenv.New(
		cel.Macros(changedMacro()),
		cel.Types(c.claims, opType(), reqType()),
		cel.Variable("claims", c.claims.object()),
	)
	if err != nil {
		return nil, err
	}
	c.base = base
	return c, nil
}

// extend makes what is declared known to all expressions that are compiled from now on.
func (c *Compiler) extend(opts ...cel.EnvOption) error {
	base, err := c.base.Extend(opts...)
	if err != nil {
		return fmt.Errorf("declare names for expressions: %w", err)
	}
	c.base = base
	return nil
}

// moment are the names that every expression of an operation knows.
func (c *Compiler) moment() []cel.EnvOption {
	return []cel.EnvOption{
		cel.Variable("op", opType().object()), cel.Variable("req", reqType().object()), cel.Variable("now", cel.TimestampType),
	}
}

// typeName is what messages call a type.
func typeName(t *types.Type) string {
	switch {
	case t.IsAssignableType(types.NullType) && t.Kind() != types.DynKind && t.Kind() != types.NullTypeKind:
		for _, plain := range argTypes {
			if plain.Kind() == t.Kind() {
				return cel.FormatCELType(plain) + ", perhaps null"
			}
		}
	case t.Kind() == types.OpaqueKind && len(t.Parameters()) == 1:
		return t.TypeName() + "(" + typeName(t.Parameters()[0]) + ")"
	}
	return cel.FormatCELType(t)
}

func hasFault(issues []Issue) bool {
	for _, i := range issues {
		if !i.Warning {
			return true
		}
	}
	return false
}
