package applierstest

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// attacks has scripts in which somebody tries what he may not do. Each try is an upload with these comments:
//
//	# attack: what is tried
//	# guard: OLD => NEW     the text of the policy that keeps it out, and what a policy without it says; \n is a new line
//	# planted: NAME         for a guard in the code, the file of testdata/planted that takes it away
var attacks = filepath.Join(testdata, "attacks")

// leastAttacks is how many tries there have to be.
const leastAttacks = 60

// Unguarded makes every attack without its guard, and fails where the outcome is the same as with it: such a script
// would not notice that the guard is gone. The harness is the model's.
func Unguarded(t *testing.T, h Harness) {
	t.Helper()
	tries := 0
	for _, path := range scriptsIn(t, attacks) {
		script := readScript(t, path)
		for i, st := range script.steps {
			if comment(st, "attack") == "" {
				continue
			}
			tries++
			name := strings.TrimSuffix(filepath.Base(path), ".txt") + "/" + comment(st, "attack")
			t.Run(name, func(t *testing.T) { unguarded(t, h, script, i) })
		}
	}
	if tries < leastAttacks {
		t.Errorf("there are %d attacks, want at least %d", tries, leastAttacks)
	}
}

// unguarded plays a script up to one attack and the rows that it leaves, without its guard. Other attacks before it
// are left out.
func unguarded(t *testing.T, h Harness, script *script, at int) {
	st := script.steps[at]
	if planted := comment(st, "planted"); planted != "" {
		if _, err := os.Stat(filepath.Join(testdata, "planted", planted+".txtar")); err != nil {
			t.Error(err)
		}
		return
	}
	guard, without, ok := strings.Cut(comment(st, "guard"), " => ")
	guard, without = strings.ReplaceAll(guard, `\n`, "\n"), strings.ReplaceAll(without, `\n`, "\n")
	if !ok {
		t.Fatal("the attack says neither guard: OLD => NEW nor planted: NAME")
	}
	p := &player{s: &suite{Harness: h, asked: map[Feature]bool{}}, t: t}
	removed := 0
	for i, other := range script.steps {
		if i > at && (comment(other, "attack") != "" || !strings.HasPrefix(other.command, "rows")) {
			break
		}
		if i < at && comment(other, "attack") != "" {
			continue
		}
		now := *other
		if strings.HasPrefix(other.command, "policy") {
			text := strings.Join(other.input, "\n")
			removed += strings.Count(text, guard)
			now.input = strings.Split(strings.ReplaceAll(text, guard, without), "\n")
		}
		if got := p.play(&now); i >= at && got != other.want {
			return
		}
	}
	if removed == 0 {
		t.Fatalf("no policy has the text %q", guard)
	}
	t.Errorf("without the guard the outcome is the same: %s", st.want)
}

// comment returns what a comment of a step says of something.
func comment(st *step, about string) string {
	for _, c := range slices.Backward(st.comments) {
		if text, ok := strings.CutPrefix(c, "# "+about+": "); ok {
			return strings.TrimSpace(text)
		}
	}
	return ""
}
