package memory

import (
	"bytes"
	"context"

	"writegate"
)

var _ writegate.Shelf = (*DB)(nil)

// Document implements [writegate.Shelf].
func (d *DB) Document(_ context.Context, name string) ([]byte, int64, error) {
	s, err := d.current()
	if err != nil {
		return nil, 0, err
	}
	found := s.documents[name]
	return bytes.Clone(found.body), found.version, nil
}

// ReplaceDocument implements [writegate.Shelf].
func (d *DB) ReplaceDocument(ctx context.Context, name string, body []byte, version int64) (done bool, err error) {
	err = d.change(ctx, func(t *tx) {
		if done = t.documents[name].version == version; done {
			t.documents[name] = document{bytes.Clone(body), version + 1}
		}
	})
	return done && err == nil, err
}
