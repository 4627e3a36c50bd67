package applierstest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"writegate"
)

// send sends the last upload and returns its answer. Answers to copies must say the same.
func (p *player) send(user string, words []string) string {
	p.t.Helper()
	o := p.options(words)
	up := *p.last
	up.StopOnRefusal = o.stop
	db := p.db.Applier
	if o.lost {
		db = &lossy{Applier: db}
	}
	caller := writegate.Caller{Subject: user, Claims: map[string]any{"sub": user}}
	maps.Copy(caller.Claims, o.claims)
	if o.told {
		return p.told(caller, &up)
	}
	pipe := writegate.NewPipeline(db, writegate.Options{ChunkOps: o.chunk})
	apply := func() string {
		res, err := pipe.Apply(p.t.Context(), caller, p.pol, &up)
		if err != nil {
			return "error: " + err.Error()
		}
		return answer(&up, res)
	}
	if o.together > 0 {
		return p.together(o.together, apply)
	}
	first := apply()
	for i := 1; i < o.times; i++ {
		if next := apply(); plainAnswer(next) != plainAnswer(first) {
			p.t.Errorf("try %d answers\n%s\nthe first was\n%s", i+1, next, first)
		}
	}
	return first
}

// together sends copies at once. Which one is first is chance, so the answer is that of a replay or not.
func (p *player) together(copies int, apply func() string) string {
	p.t.Helper()
	answers := make([]string, copies)
	start := make(chan struct{})
	var wg sync.WaitGroup
	for i := range answers {
		wg.Go(func() {
			<-start
			answers[i] = plainAnswer(apply())
		})
	}
	close(start)
	wg.Wait()
	for _, a := range answers {
		if a != answers[0] {
			p.t.Errorf("copies answer\n%s\nand\n%s", a, answers[0])
		}
	}
	return answers[0]
}

const (
	replayed = " (replayed)"
	reused   = "\nreused ids: "
)

// plainAnswer is what every copy of an upload has to be told: all but how much of it was known already.
func plainAnswer(text string) string { return strings.ReplaceAll(withoutReused(text), replayed, "") }

// withoutReused leaves out the count of reused ids, which is about those of earlier database transactions.
func withoutReused(text string) string {
	before, after, found := strings.Cut(text, reused)
	if !found {
		return text
	}
	_, rest, _ := strings.Cut(after, "\n")
	return strings.TrimSuffix(before+"\n"+rest, "\n")
}

// answer writes a result down: a line for each transaction, with all that every database has to agree on.
func answer(up *writegate.Upload, res *writegate.Result) string {
	var lines []string
	for i, tx := range res.Transactions {
		ops := make([]string, len(tx.Ops))
		for j, op := range tx.Ops {
			if ops[j] = string(op.Status); op.Replayed {
				ops[j] += replayed
			}
			if e := op.Err; e != nil {
				ops[j] += " " + cmp.Or(e.Reason, string(e.Code))
			}
		}
		line := fmt.Sprintf("%d %s: %s", up.Transactions[i].ID, tx.Status, strings.Join(ops, ", "))
		if e := tx.Err; e != nil {
			line += fmt.Sprintf("; operation %d %s", tx.Failed, e.Code)
			if e.Reason != "" {
				line += " " + e.Reason
			}
			line += place(e, tx.Failed)
		}
		lines = append(lines, line)
	}
	if res.Reused > 0 {
		lines = append(lines, strings.TrimPrefix(reused, "\n")+strconv.Itoa(res.Reused))
	}
	if !res.Identified {
		lines = append(lines, fmt.Sprintf("without identity: %d", res.Unidentified))
	}
	return strings.Join(lines, "\n")
}

// place says where a refusal hit, as far as every database knows: at commit some name no table, and of a check
// no column.
func place(e *writegate.Error, failed int) string {
	switch {
	case e.Table == "" || failed < 0:
		return ""
	case e.Column == "" || e.Code == writegate.CheckViolation:
		return " " + e.Table
	}
	return " " + e.Table + "." + e.Column
}

// lossy commits the first transaction and then says that the database went away.
type lossy struct {
	writegate.Applier
	lost atomic.Bool
}

var errLost = errors.New("the answer to the commit was lost")

func (l *lossy) InTx(ctx context.Context, caller writegate.Caller, fn func(writegate.Tx) error) error {
	if err := l.Applier.InTx(ctx, caller, fn); err != nil || l.lost.Swap(true) {
		return err
	}
	return writegate.TryLater(errLost)
}
