package policytest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strconv"
	"time"

	"writegate"
)

// Plan is what an upload costs.
type Plan struct {
	File string `json:"file"`
	User string `json:"user"`
	// Operations and Transactions are those of the upload.
	Operations   int    `json:"operations"`
	Transactions int    `json:"transactions"`
	Steps        []Step `json:"steps"`
	// Statements counts those of Steps. Reads counts those of them that read, which have to stay the same however many
	// operations there are.
	Statements int `json:"statements"`
	Reads      int `json:"reads"`
	// Tenfold is what Reads is for ten times the operations.
	Tenfold int `json:"tenfold"`
}

// Plan finds out what it costs when a user uploads the operations of all cases of that user at once, a transaction for
// each case. Only are the names of the cases to take, nil for all.
func (b *Bound) Plan(ctx context.Context, user User, only *regexp.Regexp) (*Plan, error) {
	p, err := b.plan(ctx, user, only, 1)
	if err != nil {
		return nil, err
	}
	more, err := b.plan(ctx, user, only, 10)
	if err != nil {
		return nil, err
	}
	p.Tenfold = more.Reads
	return p, nil
}

// plan has each operation come several times, on as many different rows.
func (b *Bound) plan(ctx context.Context, user User, only *regexp.Regexp, times int) (_ *Plan, err error) {
	up := &writegate.Upload{ClientID: device}
	rows := slices.Clone(b.rows)
	for n := range times {
		for i := range b.File.Cases {
			c := &b.File.Cases[i]
			if !slices.Contains(c.As, user.Name) || only != nil && !only.MatchString(c.Name) {
				continue
			}
			tx := writegate.Transaction{ID: int64(len(up.Transactions) + 1), Ops: slices.Clone(c.Ops)}
			for j := range tx.Ops {
				tx.Ops[j].OpID = int64(up.Ops() + j + 1)
				if n > 0 {
					rows = append(rows, b.elsewhere(&tx.Ops[j], n, rows)...)
				}
			}
			up.Transactions = append(up.Transactions, tx)
		}
	}
	p := &Plan{File: b.File.Path, User: user.Name, Operations: up.Ops(), Transactions: len(up.Transactions)}
	if p.Operations == 0 {
		return p, nil
	}
	db, err := b.openWith(ctx, rows)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	counted := &counting{Applier: db}
	pipeline := writegate.NewPipeline(counted, writegate.Options{
		ChunkOps: math.MaxInt, ChunkBytes: math.MaxInt64, ChunkTime: time.Hour, Now: func() time.Time { return b.File.Now },
	})
	if _, err := pipeline.Apply(ctx, user.Caller, b.Policy, up); err != nil {
		return nil, fmt.Errorf("%s: the upload of %s: %w", b.File.Path, user.Name, err)
	}
	p.Steps = counted.steps
	for _, s := range p.Steps {
		if p.Statements += s.Statements; s.Kind == "read" || s.Kind == "find" {
			p.Reads += s.Statements
		}
	}
	return p, nil
}

// elsewhere sends an operation to a row of another key, and returns a copy of the row that it was meant for.
func (b *Bound) elsewhere(op *writegate.Op, n int, rows []writegate.Change) []writegate.Change {
	table := b.Tables.Schema[op.Table]
	if table == nil {
		return nil
	}
	was, err := table.Column(table.Key).Convert(op.ID)
	if err != nil {
		return nil
	}
	key := another(table, was, n)
	op.ID = fmt.Sprint(key)
	there := func(key any) int {
		return slices.IndexFunc(rows, func(c writegate.Change) bool { return c.Table.Source == table.Source && c.Key == key })
	}
	i := there(was)
	if i < 0 || there(key) >= 0 {
		return nil
	}
	copied := rows[i]
	copied.Key, copied.Set = key, maps.Clone(copied.Set)
	return []writegate.Change{copied}
}

// another makes a different key of the same type.
func another(table *writegate.Table, key any, n int) any {
	if table.Parts != nil {
		parts := slices.Clone(table.SplitKey(key))
		last := len(parts) - 1
		parts[last] = otherValue(table.Parts[last].Type, parts[last], n)
		return table.JoinKey(parts)
	}
	return otherValue(table.Column(table.Key).Type, key, n)
}

func otherValue(typ writegate.Type, v any, n int) any {
	switch typ {
	case writegate.Int:
		if i, ok := v.(int64); ok {
			return i + int64(n)<<32
		}
	case writegate.UUID:
		sum := sha256.Sum256([]byte(fmt.Sprint(v, n)))
		h := hex.EncodeToString(sum[:16])
		return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
	default:
	}
	return fmt.Sprint(v) + "~" + strconv.Itoa(n)
}
