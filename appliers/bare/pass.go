package bare

import (
	"context"
	"errors"
	"fmt"

	"writegate"
)

// List names the tables that the inner applier can see.
func (d *DB) List(ctx context.Context) ([]string, error) {
	inner, ok := d.inner.(interface {
		List(ctx context.Context) ([]string, error)
	})
	if !ok {
		return nil, unsupported("List")
	}
	return inner.List(ctx)
}

// Inspect returns what the inner applier finds out about tables of a schema that Schema returned.
func (d *DB) Inspect(ctx context.Context, schema writegate.Schema) ([]writegate.Finding, error) {
	inner, ok := d.inner.(interface {
		Inspect(ctx context.Context, schema writegate.Schema) ([]writegate.Finding, error)
	})
	if !ok {
		return nil, unsupported("Inspect")
	}
	return inner.Inspect(ctx, schema)
}

// Version returns what the inner applier's server says of itself.
func (d *DB) Version(ctx context.Context) (string, error) {
	inner, ok := d.inner.(interface {
		Version(ctx context.Context) (string, error)
	})
	if !ok {
		return "", unsupported("Version")
	}
	return inner.Version(ctx)
}

// Snapshot yields what the inner applier does.
func (d *DB) Snapshot(ctx context.Context, tables []string, yield func(table, id string, data []byte) error) error {
	inner, ok := d.inner.(interface {
		Snapshot(ctx context.Context, tables []string, yield func(table, id string, data []byte) error) error
	})
	if !ok {
		return unsupported("Snapshot")
	}
	return inner.Snapshot(ctx, tables, yield)
}

// unsupported says that the inner applier lacks a method, with [errors.ErrUnsupported] in its chain.
func unsupported(method string) error {
	return &writegate.Error{
		Class: writegate.Operator, Code: writegate.Internal, Message: "The database does not offer this.",
		Cause: fmt.Errorf("bare: %s: %w", method, errors.ErrUnsupported),
	}
}
