package writegate

import (
	"context"
	"testing"
)

// shelved is an applier that keeps documents.
type shelved struct {
	Applier
	Shelf
}

func (shelved) Document(context.Context, string) ([]byte, int64, error) { return []byte("x"), 7, nil }

// without passes everything on but its documents.
type without struct{ Passing }

func (without) Shelf() Shelf { return nil }

func TestShelfOf(t *testing.T) {
	has := shelved{}
	for name, tt := range map[string]struct {
		a    Applier
		want bool
	}{
		"nothing":                          {nil, false},
		"itself":                           {has, true},
		"one that it passes on to":         {Passing{has}, true},
		"one behind two":                   {Passing{Passing{has}}, true},
		"one that may not be passed on to": {Passing{without{Passing{has}}}, false},
	} {
		s := ShelfOf(tt.a)
		if (s != nil) != tt.want {
			t.Errorf("%s: %v", name, s)
			continue
		}
		if s == nil {
			continue
		}
		if _, version, err := s.Document(t.Context(), "keys"); version != 7 || err != nil {
			t.Errorf("%s: version %d, %v", name, version, err)
		}
	}
}
