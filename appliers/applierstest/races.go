package applierstest

import (
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"testing"
	"time"

	"writegate"
	"writegate/policy"
)

// raceRounds is how often each race is run: a race that comes out wrong one time in fifty shows in 200 rounds.
func raceRounds() int {
	if os.Getenv("WRITEGATE_VERIFY") == "1" {
		return 200
	}
	return 25
}

const racePolicy = `
policy: 1
name: races
engine: {patch_missing: reject}
claims:
  sub: {type: text, required: true}
tables:
  notes:
    rules:
      - {name: owner, ops: [create, update, delete], row: row.body == claims.sub, columns: [body, n]}
`

// raceCases are races that devices meet in real life. Each has one right outcome.
var raceCases = []testCase{
	{name: "two creators of one id", run: func(t *testing.T, s *suite) {
		r := s.race(t)
		r.rounds(func(round int) {
			id, puts := fmt.Sprint(round), [2]writegate.Op{}
			for i := range puts {
				puts[i] = writegate.Op{Kind: writegate.Put, Table: "notes", ID: id, Data: writegate.Row{"body": r.user(i)}}
			}
			got := r.both(puts)
			winner := 0
			if got[1].Status == writegate.Applied {
				winner = 1
			}
			if got[winner].Status != writegate.Applied || got[1-winner].Status != writegate.Rejected {
				t.Errorf("round %d: the creators are told %s and %s", round, got[0].Status, got[1].Status)
			}
			if row := r.db.load("notes", id)[id]; row["body"] != r.user(winner) {
				t.Errorf("round %d: %s was told that it made the row, which is %v", round, r.user(winner), row)
			}
			r.count(r.user(winner) + " first")
		})
	}},
	{name: "update against delete", run: func(t *testing.T, s *suite) {
		r := s.race(t)
		r.rounds(func(round int) {
			id := fmt.Sprint(round)
			r.db.no(r.db.write(r.db.insert("notes", id, writegate.Row{"body": r.user(0)})))
			got := r.bothAs([2]string{r.user(0), r.user(0)}, [2]writegate.Op{
				{Kind: writegate.Patch, Table: "notes", ID: id, Data: writegate.Row{"n": "1"}},
				{Kind: writegate.Delete, Table: "notes", ID: id},
			})
			if got[1].Status != writegate.Applied || len(got[1].Ops) != 1 || got[1].Ops[0].Status != writegate.Applied {
				t.Errorf("round %d: the delete is told %+v", round, got[1])
			}
			switch e := got[0].Err; {
			case got[0].Status == writegate.Applied:
				r.count("update first")
			case got[0].Status == writegate.Rejected && e.Reason == "row.missing":
				r.count("delete first")
			default:
				t.Errorf("round %d: the update is told %s, %v", round, got[0].Status, e)
			}
			if rows := r.db.load("notes", id); len(rows) > 0 {
				t.Errorf("round %d: the row is there again: %v", round, rows)
			}
		})
	}},
	{name: "two devices and one counter", run: func(t *testing.T, s *suite) {
		r := s.race(t)
		r.pol = counting{r.pol}
		r.db.no(r.db.write(r.db.insert("notes", "c", writegate.Row{"body": r.user(0), "n": "0"})))
		n := r.rounds(func(round int) {
			add := writegate.Op{Kind: writegate.Patch, Table: "notes", ID: "c", Data: writegate.Row{"n": "1"}}
			for i, got := range r.both([2]writegate.Op{add, add}) {
				if got.Status != writegate.Applied {
					t.Errorf("round %d: device %d is told %s, %v", round, i, got.Status, got.Err)
				}
			}
		})
		r.db.want("notes", fmt.Sprintf(`id="c" body="u0" n=%d`, 2*n))
	}},
	{name: "two transactions and one counter", run: func(t *testing.T, s *suite) {
		r := s.race(t)
		r.db.no(r.db.write(r.db.insert("notes", "c", writegate.Row{"n": "0"})))
		n := r.rounds(func(int) {
			r.together(func(side int) {
				r.db.no(r.db.again(r.appliers[side], someone, func(tx writegate.Tx) error {
					rows, err := r.db.loadIn(tx, writegate.ForUpdate, "notes", "c")
					if err != nil {
						return err
					}
					r.dawdle()
					return tx.Write(t.Context(), []writegate.Change{r.db.update("notes", "c", writegate.Row{"n": rows["c"]["n"].(int64) + 1})})
				}))
			})
		})
		r.db.want("notes", fmt.Sprintf(`id="c" n=%d`, 2*n))
	}},
	{name: "membership revoked while an operation is checked", run: func(t *testing.T, s *suite) { s.membership(t, byKey).revoked() }},
	{name: "membership revoked while an operation looks it up", run: func(t *testing.T, s *suite) { s.membership(t, byLookup).revoked() }},
	{name: "membership revoked while an upload is decided", run: func(t *testing.T, s *suite) { s.membership(t, byPolicy).revoked() }},
	{name: "membership granted and revoked while an operation is checked", run: func(t *testing.T, s *suite) { s.membership(t, byKey).regained() }},
	{name: "membership granted and revoked while an operation looks it up", run: func(t *testing.T, s *suite) { s.membership(t, byLookup).regained() }},
	{name: "membership granted and revoked while an upload is decided", run: func(t *testing.T, s *suite) { s.membership(t, byPolicy).regained() }},
	{name: "the last two admins leave at once", run: func(t *testing.T, s *suite) { s.admins(t, byLookup).run() }},
	{name: "the last two admins leave at once by uploads", run: func(t *testing.T, s *suite) { s.admins(t, byPolicy).run() }},
}

// race is one race at work: two appliers on one database, one where there can't be two.
type race struct {
	t        *testing.T
	db       *database
	appliers [2]writegate.Applier
	pipes    [2]*writegate.Pipeline
	pol      writegate.Policy
	ops      int64

	mu     sync.Mutex
	counts map[string]int
}

func (s *suite) race(t *testing.T, more ...TableDef) *race {
	t.Helper()
	r := &race{t: t, db: s.open(t, append([]TableDef{notes}, more...)...), counts: map[string]int{}}
	r.appliers = [2]writegate.Applier{r.db.Applier, r.db.Applier}
	if _, without := s.Without[Replicas]; !without {
		r.appliers[1] = r.db.replica()
		if _, err := r.appliers[1].Schema(t.Context(), r.db.refs()); err != nil {
			t.Fatal(err)
		}
	}
	for i, db := range r.appliers {
		r.pipes[i] = writegate.NewPipeline(db, writegate.Options{OnStage: func(stage string) {
			if stage == writegate.StageLoaded { // so that the other one comes between
				r.dawdle()
			}
		}})
	}
	r.decideBy(racePolicy)
	return r
}

// decideBy has uploads decided by a policy.
func (r *race) decideBy(text string) {
	r.t.Helper()
	source, err := policy.Parse("races.yaml", []byte(text))
	r.db.no(err)
	r.pol, err = source.Bind(r.db.schema)
	r.db.no(err)
}

// rounds runs the race until it failed once, and says how it went. It returns the number of rounds.
func (r *race) rounds(fn func(round int)) int {
	n, begun := raceRounds(), time.Now()
	for round := range n {
		if fn(round); r.t.Failed() {
			r.t.FailNow()
		}
	}
	r.t.Logf("%d rounds in %v %v", n, time.Since(begun).Round(time.Millisecond), r.counts)
	return n
}

func (r *race) user(i int) string { return fmt.Sprint("u", i) }

func (r *race) count(outcome string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.counts[outcome]++
}

// dawdle waits for as long as other transactions take, more or less.
func (r *race) dawdle() { time.Sleep(rand.N(2 * time.Millisecond)) }

// together runs both sides from one start.
func (r *race) together(fn func(side int)) {
	start := make(chan struct{})
	var wg sync.WaitGroup
	for side := range r.appliers {
		wg.Go(func() {
			<-start
			fn(side)
		})
	}
	close(start)
	wg.Wait()
}

// both uploads an operation of each of two users, each by a device of their own.
func (r *race) both(ops [2]writegate.Op) [2]writegate.TxResult {
	return r.bothAs([2]string{r.user(0), r.user(1)}, ops)
}

func (r *race) bothAs(users [2]string, ops [2]writegate.Op) (got [2]writegate.TxResult) {
	r.ops++
	r.together(func(side int) { got[side] = r.upload(side, users[side], ops[side]) })
	return got
}

// upload has the user's device on that side send an operation until it is settled.
func (r *race) upload(side int, user string, op writegate.Op) writegate.TxResult {
	op.OpID = r.ops
	up := &writegate.Upload{ClientID: fmt.Sprint("d", side), Transactions: []writegate.Transaction{{ID: r.ops, Ops: []writegate.Op{op}}}}
	caller := writegate.Caller{Subject: user, Claims: map[string]any{"sub": user}}
	for begun := time.Now(); ; {
		res, err := r.pipes[side].Apply(r.t.Context(), caller, r.pol, up)
		if err != nil {
			r.t.Error(err)
			return writegate.TxResult{}
		}
		if got := res.Transactions[0]; got.Status.Settled() {
			return got
		}
		if time.Since(begun) > 30*time.Second {
			r.t.Errorf("the upload is never settled: %v", res.Err)
			return writegate.TxResult{}
		}
	}
}

// counting is a policy that adds what a client sends to what is stored.
type counting struct{ writegate.Policy }

func (c counting) Judge(a writegate.Asking) (writegate.Judge, error) {
	j, err := c.Policy.Judge(a)
	return countingJudge{j}, err
}

type countingJudge struct{ writegate.Judge }

func (countingJudge) Decide(a *writegate.Admitted, old writegate.Row, _ writegate.View) writegate.Decision {
	sum := old["n"].(int64) + a.Values["n"].(int64)
	return writegate.Decision{
		Change: &writegate.Change{Verb: writegate.Update, Table: a.Table, Key: a.Key, Set: writegate.Row{"n": sum}},
		New:    writegate.Row{a.Table.Key: a.Key, "n": sum, "body": old["body"]},
	}
}

func (j countingJudge) Admit(op *writegate.Op) (*writegate.Admitted, *writegate.Error) {
	a, err := j.Judge.Admit(op)
	if err == nil {
		a.Needs = []string{"body", "n"}
	}
	return a, err
}
