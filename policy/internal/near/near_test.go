package near

import "testing"

func TestWord(t *testing.T) {
	words := []string{"columns", "immutable", "rules", "ops"}
	for typed, want := range map[string]string{"colums": "columns", "Rules": "rules", "imutable": "immutable", "op": "ops", "zebra": "", "": ""} {
		if got := Word(typed, words); got != want {
			t.Errorf("%q: got %q, want %q", typed, got, want)
		}
	}
	if got := Hint("rule", words); got != "; did you mean rules?" {
		t.Errorf("got %q", got)
	}
}
