package applierstest

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"writegate"
)

// shelf is where the applier keeps documents. A case is skipped where it keeps none.
func (d *database) shelf() writegate.Shelf {
	d.t.Helper()
	s := writegate.ShelfOf(d.Applier)
	if s == nil {
		d.t.Skip("the applier keeps no documents")
	}
	return s
}

// replace replaces a document, again where somebody is in the way.
func (d *database) replace(s writegate.Shelf, name string, body []byte, version int64) (done bool) {
	if err := d.insist(func() (err error) {
		done, err = s.ReplaceDocument(d.t.Context(), name, body, version)
		return err
	}); err != nil {
		d.t.Errorf("replace version %d of %q: %v (cause: %v)", version, name, err, errors.Unwrap(err))
	}
	return done
}

func (d *database) wantReplaced(name, body string, version int64, want bool) {
	d.t.Helper()
	if got := d.replace(d.shelf(), name, []byte(body), version); got != want {
		d.t.Errorf("replace version %d of %q: %v, want %v", version, name, got, want)
	}
}

func (d *database) wantDocument(name, body string, version int64) {
	d.t.Helper()
	got, at, err := d.shelf().Document(d.t.Context(), name)
	d.no(err)
	if string(got) != body || at != version || (got == nil) != (version == 0) {
		d.t.Errorf("document %q is %.60q in version %d, want %.60q in %d", name, got, at, body, version)
	}
}

var shelfCases = []testCase{
	{name: "a document is replaced version by version", run: func(t *testing.T, s *suite) {
		d := s.open(t)
		d.wantDocument("keys", "", 0)
		d.wantReplaced("keys", "one", 1, false) // there is none
		d.wantDocument("keys", "", 0)
		d.wantReplaced("keys", "one", 0, true)
		d.wantDocument("keys", "one", 1)
		d.wantReplaced("keys", "other", 0, false)
		d.wantReplaced("keys", "other", 2, false)
		d.wantReplaced("keys", "two", 1, true)
		d.wantReplaced("keys", "other", 1, false)
		d.wantDocument("keys", "two", 2)
		d.wantDocument("Keys", "", 0)
		d.wantReplaced("Keys", "another", 0, true)
		d.wantDocument("keys", "two", 2)
		d.wantReplaced("keys", "two", 2, true) // the same once more is a new version
		d.wantDocument("keys", "two", 3)
	}},
	{name: "names and bodies of any form", run: func(t *testing.T, s *suite) {
		d := s.open(t)
		all := make([]byte, 256)
		for i := range all {
			all[i] = byte(i)
		}
		for i, name := range odd {
			d.wantReplaced(name, odd[i]+string(all), 0, true)
		}
		for i, name := range odd {
			d.wantDocument(name, odd[i]+string(all), 1)
		}
		d.wantReplaced("large", strings.Repeat("x", writegate.MaxDocument), 0, true)
		d.wantDocument("large", strings.Repeat("x", writegate.MaxDocument), 1)
		d.wantReplaced("large", "small", 1, true)
		d.wantDocument("large", "small", 2)
	}},
	{name: "of those who replace one version one does", needs: []Feature{Replicas}, run: func(t *testing.T, s *suite) {
		d := s.open(t)
		shelves := []writegate.Shelf{d.shelf(), writegate.ShelfOf(d.replica())}
		for version := range int64(20) {
			var won atomic.Int64
			var by atomic.Pointer[[]byte]
			start := make(chan struct{})
			var all sync.WaitGroup
			for who := range 6 {
				all.Go(func() {
					<-start
					body := fmt.Appendf(nil, "%d by %d", version, who)
					if d.replace(shelves[who%2], "keys", body, version) {
						won.Add(1)
						by.Store(&body)
					}
				})
			}
			close(start)
			all.Wait()
			if won.Load() != 1 {
				t.Fatalf("version %d was replaced %d times", version, won.Load())
			}
			for _, shelf := range shelves {
				if got, at, err := shelf.Document(t.Context(), "keys"); err != nil || at != version+1 || !bytes.Equal(got, *by.Load()) {
					t.Fatalf("%q in version %d, %v; want %q in %d", got, at, err, *by.Load(), version+1)
				}
			}
		}
	}},
	{name: "after Close", run: func(t *testing.T, s *suite) {
		d := s.open(t)
		shelf := d.shelf()
		d.no(d.Applier.Close())
		_, _, err := shelf.Document(t.Context(), "keys")
		_, replaceErr := shelf.ReplaceDocument(t.Context(), "keys", []byte("x"), 0)
		for _, err := range []error{err, replaceErr} {
			if err == nil || writegate.AsError(err).Class == writegate.Refused {
				t.Errorf("after Close: %v", err)
			}
		}
	}},
}
