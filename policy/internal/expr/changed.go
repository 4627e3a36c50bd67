package expr

import (
	"regexp"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/types"
)

// changedMacro turns changed("column") into a field of a hidden variable, so that the name is checked at load.
func changedMacro() cel.Macro {
	return cel.GlobalMacro("changed", 1, func(f cel.MacroExprFactory, _ ast.Expr, args []ast.Expr) (ast.Expr, *common.Error) {
		if args[0].Kind() == ast.LiteralKind {
			if name, ok := args[0].AsLiteral().(types.String); ok {
				return f.NewSelect(f.NewIdent(changedName), string(name)), nil
			}
		}
		return nil, f.NewError(args[0].ID(), "changed() takes the name of a column in quotes")
	})
}

var (
	operatorName = regexp.MustCompile(`'_?([^'\w]+)_?'`)
	container    = regexp.MustCompile(` \(in container '[^']*'\)`)
)

// plain puts a message of the library into our words.
func plain(message string) string {
	message, _, _ = strings.Cut(message, " expecting {")
	return operatorName.ReplaceAllString(container.ReplaceAllString(message, ""), "$1")
}

func codeOf(message string) string {
	if strings.Contains(message, "limit") {
		return "P310"
	}
	return "P102"
}
