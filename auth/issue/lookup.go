package issue

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"writegate"
)

// lookupName is what messages and drivers call the lookup and its table.
const lookupName = "issue.lookup"

// lookup is a [Lookup] held against its table.
type lookup struct {
	*writegate.Lookup
	db     writegate.Applier
	turns  chan struct{} // holds a token for each that is at work
	claims []string      // in the order of By
	shown  []string      // the columns that row has
}

// newLookup introspects the table. Its errors begin with the key of the configuration.
func newLookup(ctx context.Context, l Lookup) (*lookup, error) {
	var faults []error
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(lookupName+format, args...)) }
	if l.Table == "" {
		fault(".table: required")
	}
	if len(l.Where) == 0 {
		fault(".where: required: columns, and the claims that they have to be equal to")
	}
	if len(l.Select) == 0 {
		fault(".select: required: the columns that expressions read as row")
	}
	if faults != nil {
		return nil, errors.Join(faults...)
	}
	schema, err := l.Database.Schema(ctx, []writegate.TableRef{{Name: lookupName, Source: l.Table, ReadOnly: true}})
	if err != nil {
		if e := writegate.AsError(err); e.Cause != nil {
			err = e.Cause // an operator may read it
		}
		return nil, fmt.Errorf(lookupName+".table: %w", err)
	}
	t := schema[lookupName]
	l.AtOnce = cmp.Or(l.AtOnce, 4)
	out := &lookup{db: l.Database, turns: make(chan struct{}, l.AtOnce), shown: l.Select, Lookup: &writegate.Lookup{Name: lookupName, Table: t, Limit: 1}}
	for _, name := range slices.Sorted(maps.Keys(l.Where)) {
		switch c := t.Column(name); {
		case c == nil:
			fault(".where.%s: table %s has no such column", name, l.Table)
		case c.Incomparable:
			fault(".where.%s: the database can't find rows by a column of type %s", name, c.Native)
		case l.Where[name] == "":
			fault(".where.%s: required: a claim of the app's token", name)
		}
		out.By, out.claims = append(out.By, name), append(out.claims, l.Where[name])
	}
	for _, name := range l.Select {
		switch c := t.Column(name); {
		case c == nil:
			fault(".select: table %s has no column %q", l.Table, name)
		case c.Type == writegate.Binary:
			fault(".select: column %q is binary, which no claim can be", name)
		case name != t.Key && !slices.Contains(out.By, name) && !slices.Contains(out.Columns, name):
			out.Columns = append(out.Columns, name)
		}
	}
	slices.Sort(out.Columns)
	return out, errors.Join(faults...)
}

// find returns the selected columns of the row of a caller, and an empty map when there is none.
func (l *lookup) find(ctx context.Context, caller writegate.Caller) (map[string]any, error) {
	values := l.values(caller.Claims)
	if values == nil {
		return map[string]any{}, nil
	}
	if err := l.enter(ctx); err != nil {
		return nil, away(err)
	}
	defer func() { <-l.turns }()
	var found [][]writegate.Row
	err := l.db.InTx(ctx, caller, func(tx writegate.Tx) error {
		var err error
		found, err = tx.Find(ctx, []writegate.Find{{Lookup: l.Lookup, Values: [][]any{values}, Most: 2}})
		return err
	})
	if err != nil {
		return nil, away(err)
	}
	switch len(found[0]) {
	case 0:
		return map[string]any{}, nil
	case 1:
		return l.row(found[0][0])
	}
	return nil, ambiguous(fmt.Errorf("%s: more than one row of %s for one user", lookupName, l.Table.Source))
}

// nobody is the user whose row is asked for to see whether the database answers. As a UUID it fits every type that ids have.
const nobody = "00000000-0000-0000-0000-000000000000"

// try reads as find does, the same columns as the same role, whatever the right values would be.
func (l *lookup) try(ctx context.Context) error {
	missing := *l.Lookup
	missing.By, missing.Null = nil, l.By
	caller := writegate.Caller{Subject: nobody, Claims: map[string]any{"sub": nobody}}
	return l.db.InTx(ctx, caller, func(tx writegate.Tx) error {
		_, err := tx.Find(ctx, []writegate.Find{{Lookup: &missing, Values: [][]any{{}}, Most: 1}})
		return err
	})
}

// longestWait bounds the wait for a turn.
const longestWait = 3 * time.Second

func (l *lookup) enter(ctx context.Context) error {
	timer := time.NewTimer(longestWait)
	defer timer.Stop()
	select {
	case l.turns <- struct{}{}:
		return nil
	case <-timer.C:
		return writegate.TryLater(fmt.Errorf("%s: %d are at work already", lookupName, cap(l.turns)))
	case <-ctx.Done():
		return writegate.TryLater(context.Cause(ctx))
	}
}

// away is what a client hears when a lookup fails.
func away(err error) error {
	e := *writegate.AsError(err)
	e.Message = "The database that tokens are made from is not available; the request is worth sending again."
	return &e
}

// values are what the columns have to be equal to, nil when there can be no such row.
func (l *lookup) values(claims map[string]any) []any {
	out := make([]any, len(l.By))
	for i, name := range l.By {
		switch claim := claims[l.claims[i]].(type) {
		case string, bool, json.Number:
			value, err := l.Table.Column(name).Convert(claim)
			if err != nil || value == nil {
				return nil
			}
			out[i] = value
		default:
			return nil
		}
	}
	return out
}

func (l *lookup) row(stored writegate.Row) (map[string]any, error) {
	row := map[string]any{}
	for _, name := range l.shown {
		value, err := storedValue(l.Table.Column(name), stored[name])
		if err != nil {
			return nil, ambiguous(fmt.Errorf("%s: column %s: %w", lookupName, name, err))
		}
		row[name] = value
	}
	return row, nil
}

// ambiguous is an error that an operator has to mend.
func ambiguous(cause error) *writegate.Error {
	return &writegate.Error{
		Class: writegate.Operator, Code: writegate.Internal, Cause: cause,
		Message: "The user's data does not say what a token is to say; the request is worth sending again.",
	}
}
