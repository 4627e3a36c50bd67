package writegate

import (
	"context"
	"errors"
	"fmt"
)

// Passing is an applier that passes everything on to another one, for decorators to embed. What a database can do
// besides applying uploads is passed on, too; where it can't, the error has [errors.ErrUnsupported] in its chain.
type Passing struct{ Applier }

// List names the tables that the inner applier can see.
func (p Passing) List(ctx context.Context) ([]string, error) {
	db, ok := p.Applier.(interface {
		List(ctx context.Context) ([]string, error)
	})
	if !ok {
		return nil, unsupported("List")
	}
	return db.List(ctx)
}

// Inspect returns what the inner applier finds out about tables of a schema that its Schema returned.
func (p Passing) Inspect(ctx context.Context, schema Schema) ([]Finding, error) {
	db, ok := p.Applier.(interface {
		Inspect(ctx context.Context, schema Schema) ([]Finding, error)
	})
	if !ok {
		return nil, unsupported("Inspect")
	}
	return db.Inspect(ctx, schema)
}

// Version returns what the inner applier's server says of itself.
func (p Passing) Version(ctx context.Context) (string, error) {
	db, ok := p.Applier.(interface {
		Version(ctx context.Context) (string, error)
	})
	if !ok {
		return "", unsupported("Version")
	}
	return db.Version(ctx)
}

// Snapshot yields what the inner applier does.
func (p Passing) Snapshot(ctx context.Context, tables []string, yield func(table, id string, data []byte) error) error {
	db, ok := p.Applier.(interface {
		Snapshot(ctx context.Context, tables []string, yield func(table, id string, data []byte) error) error
	})
	if !ok {
		return unsupported("Snapshot")
	}
	return db.Snapshot(ctx, tables, yield)
}

// Keeper is that of the inner applier.
func (p Passing) Keeper() Keeper { return KeeperOf(p.Applier) }

// Delegates reports whether the inner applier's database itself decides by the claims of the caller.
func (p Passing) Delegates() bool { return delegates(p.Applier) }

// delegates reports whether the database of an applier itself decides by the claims of the caller, as row-level security does.
func delegates(a Applier) bool {
	d, ok := a.(interface{ Delegates() bool })
	return ok && d.Delegates()
}

// KeeperOf is what operators see of the tables of our own that an applier, or the one that it passes everything on to,
// has. It is nil where there are none.
func KeeperOf(a Applier) Keeper {
	switch a := a.(type) {
	case Keeper:
		return a
	case interface{ Keeper() Keeper }:
		return a.Keeper()
	}
	return nil
}

func unsupported(method string) error {
	return &Error{
		Class: Operator, Code: Internal, Message: "The database does not offer this.",
		Cause: fmt.Errorf("%s: %w", method, errors.ErrUnsupported),
	}
}
