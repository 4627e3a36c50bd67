package acceptance

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"writegate"
)

// TestBrokenWire breaks the connection to the database in every round trip of an upload, on the way there and on
// the way back, where nobody can know what the database has done. Whatever is answered, sending the upload
// again leaves every effect exactly once.
func TestBrokenWire(t *testing.T) {
	w, s := openThroughWire(t, append(todoTables,
		`create table effects (id {text}, description {text})`,
		`create function effect() returns trigger language plpgsql as $$ begin insert into effects values (new.id, new.description); return new; end $$`,
		`create trigger effect after insert or update on todos for each row execute function effect()`))
	s.use(todoPolicy)
	upload := func(device string) entry {
		txs := transactions(device, 3, 1)
		for i := range txs { // ranks are unique
			crud(txs[i])[0]["op_data"].(entry)["place"] = nil
			crud(txs[i])[3]["op_data"] = entry{"description": "changed"} // applied again, it would pass through "first"
		}
		crud(txs[1])[1]["op_data"].(entry)["list_id"] = "nowhere" // the database refuses the second transaction
		return entry{"client_id": device, "transactions": txs}
	}
	check := func(what string, res *writegate.Result) {
		t.Helper()
		for i, want := range []writegate.Status{writegate.Applied, writegate.Rejected, writegate.NotAttempted} {
			if got := res.Transactions[i].Status; got != want {
				t.Errorf("%s: transaction %d is %s, want %s; %v", what, i, got, want, res.Err)
			}
		}
	}
	before := w.trips.Load()
	res, _ := s.send("u1", upload("warm"))
	check("unbroken", res)
	cold := w.trips.Load() - before
	before = w.trips.Load()
	res, _ = s.send("u1", upload("warm2"))
	check("unbroken", res)
	trips := w.trips.Load() - before
	t.Logf("%d round trips, %d with cold statements", trips, cold)

	held := 0
	for trip := range trips {
		for _, lost := range []bool{false, true} {
			device := fmt.Sprintf("d%d-%v", trip+1, lost)
			effects := func() []string {
				return s.rows("select description from effects where id like $1 order by 1", device+"-%")
			}
			once := []string{"changed", "first", "second"}
			w.lost.Store(lost)
			w.cut.Store(w.trips.Load() + trip + 1)
			res, reply := s.send("u1", upload(device))
			w.cut.Store(0)
			if reply.Status != 200 {
				t.Errorf("%s: status %d", device, reply.Status)
			}
			if res.Err != nil {
				held++
			}
			if res.Transactions[0].Status == writegate.Applied {
				if diff := cmp.Diff(once, effects()); diff != "" {
					t.Errorf("%s: acknowledged, but the effects differ (-want +got):\n%s", device, diff)
				}
			}
			res, _ = s.send("u1", upload(device))
			check(device, res)
			if diff := cmp.Diff(once, effects()); diff != "" {
				t.Errorf("%s: sent again, the effects differ (-want +got):\n%s", device, diff)
			}
			if got := s.rows("select count(*) from writegate.writegate_dead_letters where client_id = $1", device); got[0] != "1" {
				t.Errorf("%s: %s dead letters, want 1", device, got[0])
			}
		}
	}
	t.Logf("%d uploads broken, %d of them held back, all others applied by the second try inside", 2*trips, held)
}
