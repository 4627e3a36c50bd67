package applierstest

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"writegate"
)

// told sends the transactions of an upload one by one and says all that a device can learn of each: what it is
// answered, in what words, and what the database was asked, which is how long it takes. Row ids of the upload are
// left out, so that two transactions about different rows can be told from each other only if a device could, too.
func (p *player) told(caller writegate.Caller, up *writegate.Upload) string {
	p.t.Helper()
	var lines []string
	for i := range up.Transactions {
		one := *up
		one.Transactions = up.Transactions[i : i+1]
		l := &listening{Applier: p.db.Applier}
		res, err := writegate.NewPipeline(l, writegate.Options{}).Apply(p.t.Context(), caller, p.pol, &one)
		if err != nil {
			lines = append(lines, "error: "+err.Error())
			continue
		}
		line := answer(&one, res)
		if e := res.Transactions[0].Err; e != nil {
			line += ": " + e.Message
		}
		for _, op := range one.Transactions[0].Ops {
			line = strings.ReplaceAll(line, op.ID, "ID")
		}
		lines = append(lines, line+" ["+l.heard()+"]")
	}
	return strings.Join(lines, "\n")
}

// listening is an applier that remembers what was asked of it.
type listening struct {
	writegate.Applier
	mu    sync.Mutex
	calls []string
}

func (l *listening) hear(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.calls = append(l.calls, fmt.Sprintf(format, args...))
}

func (l *listening) heard() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.calls, " ")
}

func (l *listening) InTx(ctx context.Context, caller writegate.Caller, fn func(writegate.Tx) error) error {
	return l.Applier.InTx(ctx, caller, func(tx writegate.Tx) error { return fn(&listeningTx{tx, l}) })
}

type listeningTx struct {
	writegate.Tx
	l *listening
}

func (t *listeningTx) Load(ctx context.Context, reads []writegate.Read) ([]map[any]writegate.Row, error) {
	t.l.hear("load:%d", len(reads))
	return t.Tx.Load(ctx, reads)
}

func (t *listeningTx) Find(ctx context.Context, finds []writegate.Find) ([][]writegate.Row, error) {
	t.l.hear("find:%d", len(finds))
	return t.Tx.Find(ctx, finds)
}

func (t *listeningTx) Write(ctx context.Context, changes []writegate.Change) error {
	t.l.hear("write:%d", len(changes))
	return t.Tx.Write(ctx, changes)
}

func (t *listeningTx) Settle(ctx context.Context, s writegate.Settlement) error {
	t.l.hear("settle:%d:%d", len(s.Refusals), len(s.DeadLetters))
	return t.Tx.Settle(ctx, s)
}
