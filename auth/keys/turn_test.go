package keys

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"writegate/auth"
)

var (
	t0   = time.Date(2020, 8, 21, 14, 0, 0, 0, time.UTC)
	turn = times{rotateEvery: 24 * time.Hour, publishFor: 10 * time.Minute, retireFor: time.Hour}
)

func at(minutes int) time.Time { return t0.Add(time.Duration(minutes) * time.Minute) }

// line writes the states of a plan at a time.
func (p plan) line(now time.Time) []State {
	all := []State{}
	for i := range p {
		all = append(all, p[i].State(now))
	}
	return all
}

func newKey() *auth.Key { return must(auth.GenerateKey("EdDSA")) }

func TestTurns(t *testing.T) {
	first := must(plan(nil).add(newKey(), turn, t0, false))
	if got := first.line(t0); !slices.Equal(got, []State{Signing}) {
		t.Fatalf("the first key is %v", got)
	}
	rotated := must(first.add(newKey(), turn, at(60), false))
	imported := must(first.add(newKey(), turn, at(60), true))
	for _, tt := range []struct {
		name string
		p    plan
		now  time.Time
		want []State
	}{
		{"before", rotated, at(60), []State{Signing, Published}},
		{"just before", rotated, at(70).Add(-1), []State{Signing, Published}},
		{"turn", rotated, at(70), []State{Retired, Signing}},
		{"last token", rotated, at(130).Add(-1), []State{Retired, Signing}},
		{"end", rotated, at(130), []State{Removed, Signing}},
		{"known to all", imported, at(60), []State{Retired, Signing}},
		{"known to all, end", imported, at(120), []State{Removed, Signing}},
		{"emergency", must(rotated.replace(newKey(), turn, at(65))), at(65), []State{Removed, Removed, Signing}},
		{"emergency after the turn", must(rotated.replace(newKey(), turn, at(75))), at(75), []State{Removed, Removed, Signing}},
		{"the next one is taken back", must(rotated.remove(rotated[1].ID, turn, at(65))), at(500), []State{Signing, Removed}},
		{"a retired one is removed early", must(rotated.remove(rotated[0].ID, turn, at(80))), at(80), []State{Removed, Signing}},
	} {
		if diff := cmp.Diff(tt.want, tt.p.line(tt.now)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
	if got := first.line(at(500)); !slices.Equal(got, []State{Signing}) {
		t.Errorf("a change has changed what it came from: %v", got)
	}
	for name, err := range map[error]error{
		ErrPlanned: second(rotated.add(newKey(), turn, at(65), false)),
		ErrKnown:   second(rotated.add(rotated[0].private, turn, at(80), false)),
		ErrSigning: second(rotated.remove(rotated[0].ID, turn, at(65))),
		ErrUnknown: second(rotated.remove("other", turn, at(65))),
	} {
		if !errors.Is(err, name) {
			t.Errorf("%v, want %v", err, name)
		}
	}
	if err := second(rotated.remove(rotated[0].ID, turn, at(200))); !errors.Is(err, ErrUnknown) {
		t.Errorf("removed twice: %v", err)
	}
	if err := second(rotated.replace(rotated[1].private, turn, at(65))); !errors.Is(err, ErrKnown) {
		t.Errorf("replaced by itself: %v", err)
	}
}

func second[T any](_ T, err error) error { return err }

func TestRotateDue(t *testing.T) {
	first := must(plan(nil).add(newKey(), turn, t0, false))
	day := 24 * 60
	for _, tt := range []struct {
		name string
		p    plan
		t    times
		now  time.Time
		want bool
	}{
		{"no key", nil, turn, t0, true},
		{"young", first, turn, at(day - 11), false},
		{"so that it signs after a day", first, turn, at(day - 10), true},
		{"never by itself", first, times{publishFor: time.Minute}, at(10 * day), false},
		{"planned already", must(first.add(newKey(), turn, at(day-10), false)), turn, at(day - 5), false},
		{"the next one is young", must(first.add(newKey(), turn, at(day-10), false)), turn, at(day + 5), false},
	} {
		if got := tt.p.rotateDue(tt.t, tt.now); got != tt.want {
			t.Errorf("%s: %v", tt.name, got)
		}
	}
}

func TestTidy(t *testing.T) {
	var p plan
	for i := range 30 {
		p = must(p.replace(newKey(), turn, at(i)))
	}
	p, changed := p.tidy(turn, at(30))
	if !changed || len(p) != rememberMost+1 || p[0].private != nil || p[len(p)-1].private == nil {
		t.Errorf("%v, %d keys", changed, len(p))
	}
	if _, again := p.tidy(turn, at(30)); again {
		t.Error("there is always something")
	}
	if old, changed := p.tidy(turn, at(30).Add(rememberFor)); !changed || len(old) != 1 {
		t.Errorf("after 90 days: %v, %d keys", changed, len(old))
	}
}

// TestTidyPutsNothingOff: keys that were removed at once by a replica whose clock is ahead stay removed.
func TestTidyPutsNothingOff(t *testing.T) {
	longer := times{retireFor: 25 * time.Hour, seenIn: time.Minute}
	p := must(plan(nil).add(newKey(), turn, t0, false))
	p = must(p.add(newKey(), turn, at(1), false))
	for name, tt := range map[string]struct {
		p    plan
		want time.Time
	}{
		"a planned removal":                    {p, at(11).Add(25 * time.Hour)},
		"an emergency":                         {must(p.replace(newKey(), turn, at(40))), at(40)},
		"an emergency before the key retired":  {must(p.replace(newKey(), turn, at(5))), at(5)},
		"the removal of a key that is retired": {must(p.remove(p[0].ID, turn, at(40))), at(40)},
	} {
		now := tt.want.Add(-time.Minute)
		if name == "a planned removal" {
			now = at(20)
		}
		if got, _ := tt.p.tidy(longer, now); !got[0].Removed.Equal(tt.want) {
			t.Errorf("%s: %s, want %s", name, got[0].Removed, tt.want)
		}
	}
}
