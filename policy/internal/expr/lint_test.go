package expr

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestFold(t *testing.T) {
	table := compiler(t).Table(table())
	for text, want := range map[string]string{
		"true": "true", "1 == 1": "true", `true || row.owner == "x"`: "true", `row.owner == "x" || true`: "true",
		`false && row.owner == "x"`: "false", `!("a" in ["a", "b"])`: "false", `1 in []`: "false",
		`row.owner == "x"`: "", `claims.sub == "x"`: "", "1 / 0 == 1": "", "now > now": "", "nonsense": "", "1": "",
	} {
		got := ""
		if answer, constant := table.Fold(text, Row|Moment); constant {
			got = map[bool]string{true: "true", false: "false"}[answer]
		}
		if got != want {
			t.Errorf("%s folds to %q, want %q", text, got, want)
		}
	}
}

func TestOwners(t *testing.T) {
	table := compiler(t).Table(table())
	for text, want := range map[string][]string{
		"row.owner == claims.sub":                     {"owner"},
		`claims.sub == row.owner && row.n > 1`:        {"owner"},
		`row.owner == "x" || row.owner != claims.sub`: nil,
		"nonsense": nil,
	} {
		if diff := cmp.Diff(want, table.Owners(text, Row|Moment)); diff != "" {
			t.Errorf("%s: %s", text, diff)
		}
	}
}
