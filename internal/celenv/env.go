// Package celenv is what expressions of policies and expressions for the claims of tokens have in common: the language,
// what bounds it, and how its values stand to those of JSON.
package celenv

import (
	"fmt"

	"cel.dev/cel-go/cel"
)

// The limits of one expression. Another place has to see to MaxNodes where expressions are put together, and to MaxCost,
// which is of an evaluation.
const (
	MaxLength = 4 << 10 // characters
	MaxNodes  = 1000
	MaxCost   = 100_000 // units of the library

	maxDepth = 50
	maxRegex = 1000 // instructions of a compiled pattern
)

// New makes an environment whose expressions keep within the limits, and know what the options declare besides the
// standard definitions.
func New(opts ...cel.EnvOption) (*cel.Env, error) {
	env, err := cel.NewEnv(append([]cel.EnvOption{
		cel.OptionalTypes(cel.OptionalTypesVersion(2)),
		cel.DefaultUTCTimeZone(true),
		cel.EnableIdentifierEscapeSyntax(),
		cel.ExtendedValidations(),
		cel.ASTValidators(cel.ValidateComprehensionNestingLimit(1)),
		cel.RegexProgramSizeLimit(maxRegex),
		cel.ParserExpressionSizeLimit(MaxLength),
		cel.ParserRecursionLimit(maxDepth),
		cel.ExpressionNodeLimit(MaxNodes),
		cel.CostModelVersion(1),
	}, opts...)...)
	if err != nil {
		return nil, fmt.Errorf("make an environment for expressions: %w", err)
	}
	return env, nil
}
