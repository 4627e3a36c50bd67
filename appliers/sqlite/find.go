package sqlite

import (
	"context"
	"errors"

	"writegate"
)

// Find implements [writegate.Tx].
func (t *tx) Find(_ context.Context, finds []writegate.Find) ([][]writegate.Row, error) {
	if len(finds) > 0 {
		return nil, errors.ErrUnsupported
	}
	return nil, nil
}
