package celenv

import (
	"strings"
	"testing"

	"cel.dev/cel-go/cel"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestLimits has the longest and largest expressions there may be, and those that are more than that by one.
func TestLimits(t *testing.T) {
	env, err := New(cel.Variable("x", cel.DynType), cel.Variable("texts", cel.ListType(cel.StringType)))
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		text string
		want string // in the error
	}{
		"long":                   {`"` + strings.Repeat("a", MaxLength-2) + `"`, ""},
		"too long":               {`"` + strings.Repeat("a", MaxLength-1) + `"`, "exceeds limit"},
		"large":                  {"[" + strings.Repeat("1,", MaxNodes-2) + "1]", ""},
		"too large":              {"[" + strings.Repeat("1,", MaxNodes-1) + "1]", "limit"},
		"deep":                   {strings.Repeat("[", maxDepth-3) + strings.Repeat("]", maxDepth-3), ""},
		"too deep":               {strings.Repeat("[", maxDepth+1) + strings.Repeat("]", maxDepth+1), "recursion"},
		"a loop":                 {`texts.all(a, a == "b")`, ""},
		"a loop in a loop":       {`texts.all(a, texts.all(b, a == b))`, "nesting"},
		"a pattern":              {`"a".matches("a{300}")`, ""},
		"a large pattern":        {`"a".matches("(abcdefghijk){100}")`, "program"},
		"a pattern that is none": {`"a".matches("(")`, "invalid matches argument"},
		"a time that is none":    {`timestamp("noon")`, "invalid timestamp"},
		"optional":               {`x.?a.orValue(1) == 1`, ""},
		"a name in backticks":    {"x.`a-b` == 1", ""},
		"a name of nobody":       {"y", "undeclared"},
	} {
		t.Run(name, func(t *testing.T) {
			checked, issues := env.Compile(tt.text)
			err := issues.Err()
			if err == nil {
				_, err = env.Program(checked)
			}
			if (err != nil) != (tt.want != "") || err != nil && !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%v, want %q", err, tt.want)
			}
		})
	}
}

// TestZone: a day is one of UTC, whatever the zone that a time was written in. It counts from 0.
func TestZone(t *testing.T) {
	env, err := New()
	if err != nil {
		t.Fatal(err)
	}
	checked, issues := env.Compile(`timestamp("2026-01-02T03:04:05+09:00").getDayOfMonth()`)
	if issues.Err() != nil {
		t.Fatal(issues.Err())
	}
	program, err := env.Program(checked)
	if err != nil {
		t.Fatal(err)
	}
	if got, _, err := program.Eval(map[string]any{}); err != nil || got.Value() != int64(0) {
		t.Errorf("%v, %v", got, err)
	}
}
