package sqlserver

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"writegate"
	"writegate/appliers/applierstest"
)

// told is what a test can say of an error.
type told struct {
	Class         writegate.Class
	Code          writegate.Code
	Reason        string
	Message       string
	Table, Column string
	Index         int
	Race          bool
}

func tell(err error) told {
	e := writegate.AsError(err)
	if e == nil {
		return told{}
	}
	out := told{Class: e.Class, Code: e.Code, Reason: e.Reason, Message: e.Message, Table: e.Table, Column: e.Column, Index: -2}
	if change, ok := errors.AsType[*writegate.ChangeError](err); ok {
		out.Index, out.Race = change.Index, change.Race
	}
	return out
}

// fromToken is the error that the client library makes of a server's.
func fromToken(t *testing.T, db *DB, w *world, failures ...failure) error {
	t.Helper()
	w.change(func() { w.fail["SELECT 1 AS [fails]"] = reply{errors: failures} })
	_, err := db.pool.ExecContext(t.Context(), "SELECT 1 AS [fails];")
	if err == nil {
		t.Fatal("the peer's error is none")
	}
	return err
}

// TestErrors holds the page of errors to the table of numbers. No server is at hand: the client library reads error
// tokens that a scripted peer sends.
func TestErrors(t *testing.T) {
	w := shop()
	p := newPeer(t, w.answer)
	db := opened(t, p)
	names, err := os.ReadFile("testdata/numbers.txt")
	if err != nil {
		t.Fatal(err)
	}
	var cases []applierstest.ErrorCase
	for line := range strings.Lines(string(names)) {
		number, name, _ := strings.Cut(strings.TrimSpace(line), " ")
		n, err := strconv.Atoi(number)
		if err != nil {
			t.Fatal(err)
		}
		v := verdictOf(int32(n))
		c := applierstest.ErrorCase{Number: number, Name: name, Class: v.class, Code: v.code, Reason: v.reason, Native: fromToken(t, db, w, failure{number: n, message: "text of the server"}), How: "an error token of a scripted peer"}
		switch v.class {
		case writegate.Rerun:
			c.Code = writegate.Conflict
		case writegate.Retry:
			c.Code = writegate.Unavailable
		case writegate.Refused, writegate.Operator, writegate.Forbidden:
		}
		cases = append(cases, c)
	}
	var known []string
	for _, n := range slices.Sorted(maps.Keys(numbers)) {
		known = append(known, strconv.Itoa(int(n)))
	}
	applierstest.ErrorMatrix(t, applierstest.ErrorHarness{
		Name: "sqlserver", Title: "SQL Server", Update: *update, Known: known,
		Number: func(err error) string {
			if all := native(err); len(all) > 0 {
				return strconv.Itoa(int(all[0].Number))
			}
			return ""
		},
		Classify: func(native error) error { return classify(native) },
	}, cases)
}

// TestClassesOfNumbers says of a number of each kind what must become of it, apart from the table.
func TestClassesOfNumbers(t *testing.T) {
	for class, all := range map[writegate.Class][]int32{
		writegate.Refused:  {2601, 2627, 547, 515, 2628, 8152, 245, 8114, 241, 242, 220, 8115, 232, 248, 295, 296, 8169, 544, 271, 273, 8102, 33504, 50000, 51000, 3609},
		writegate.Rerun:    {1205, 3960, 13535},
		writegate.Retry:    {1222, 3930, 3998, 4060, 18456, 18452, 18470, 18487, 18488, 911, 9002, 1105, 1101, 3906, 3908, 976, 978, 983, 927, 701, 802, 8645, 8651, 8628, 17803, 17830, 4014, 596, 6005, 8623, 40613, 40197, 40501, 49918, 49919, 49920, 10928, 10929, 4221, 10053, 10054, 10060, 40143, 40540, 64, 233, 20, 18401},
		writegate.Operator: {206, 207, 208, 229, 230, 262, 334, 823, 102, 99, 8003, 0x7fff},
	} {
		for _, n := range all {
			if got := verdictOf(n).class; got != class {
				t.Errorf("%d is %v, want %v", n, got, class)
			}
		}
	}
}

func TestSeveralNumbers(t *testing.T) {
	w := shop()
	p := newPeer(t, w.answer)
	db := opened(t, p)
	for want, all := range map[writegate.Class][][]int{
		writegate.Refused:  {{547, 3621}, {50000, 3609}, {3609}, {3621, 515}, {51000, 3998}, {3609, 3998}, {2627, 3621, 266}},
		writegate.Rerun:    {{1205, 3998}, {547, 1205}},
		writegate.Retry:    {{2627, 9002}, {3998}, {3930, 3998}, {1205, 1222}, {40613, 3998}},
		writegate.Operator: {{547, 208}, {1205, 99}, {40613, 229}},
	} {
		for _, numbers := range all {
			var failures []failure
			for _, n := range numbers {
				failures = append(failures, failure{number: n, message: "m"})
			}
			if got := classify(fromToken(t, db, w, failures...)); got.Class != want {
				t.Errorf("%v is %v, want %v", numbers, got.Class, want)
			}
		}
	}
}

const (
	duplicateKey   = "Violation of PRIMARY KEY constraint 'PK_todos'. Cannot insert duplicate key in object 'app.todos'. The duplicate key value is (secret)."
	duplicateOther = "Cannot insert duplicate key row in object 'app.todos' with unique index 'UX_title'. The duplicate key value is ('PK_todos', secret)."
)

func TestRefusals(t *testing.T) {
	refused := func(code writegate.Code, table, column, message string) told {
		return told{Class: writegate.Refused, Code: code, Message: message, Table: table, Column: column}
	}
	raceAt := told{Class: writegate.Rerun, Code: writegate.Conflict, Message: "The row changed in the meantime; the write is worth trying again.", Race: true}
	cases := map[string]struct {
		table  string
		verb   writegate.Verb
		number int
		text   string
		want   told
	}{
		"key taken":          {"todos", writegate.Insert, 2627, duplicateKey, raceAt},
		"key taken of uuids": {"lists", writegate.Insert, 2627, "Violation of PRIMARY KEY constraint 'PK_lists'. Cannot insert duplicate key in object 'app.lists'. The duplicate key value is (x).", raceAt},
		"unique":             {"todos", writegate.Insert, 2601, duplicateOther, refused(writegate.UniqueViolation, "todos", "title", "todos.title: another row has this value already.")},
		"unique, of update":  {"todos", writegate.Update, 2601, duplicateOther, refused(writegate.UniqueViolation, "todos", "title", "todos.title: another row has this value already.")},
		"unique over two":    {"lists", writegate.Insert, 2627, "Violation of UNIQUE KEY constraint 'UX_owner_name'. Cannot insert duplicate key in object 'app.lists'. The duplicate key value is (a, b).", refused(writegate.UniqueViolation, "lists", "", "lists (owner, name): another row has this value already.")},
		"foreign key":        {"todos", writegate.Insert, 547, `The INSERT statement conflicted with the FOREIGN KEY constraint "FK_list". The conflict occurred in database "shop", table "app.lists", column 'id'.`, refused(writegate.ForeignKeyViolation, "todos", "list_id", "todos.list_id: the row it refers to does not exist.")},
		"referred to":        {"lists", writegate.Remove, 547, `The DELETE statement conflicted with the REFERENCE constraint "FK_list". The conflict occurred in database "shop", table "app.todos", column 'list_id'.`, refused(writegate.ForeignKeyViolation, "lists", "", "lists: other rows still refer to it.")},
		"check":              {"todos", writegate.Update, 547, `The UPDATE statement conflicted with the CHECK constraint "CK_rank". The conflict occurred in database "shop", table "app.todos", column 'rank'.`, refused(writegate.CheckViolation, "todos", "rank", "todos.rank: does not meet a check of the database.")},
		"unknown constraint": {"todos", writegate.Update, 547, `The INSERT statement conflicted with the CHECK constraint "secret".`, refused(writegate.ConstraintViolation, "todos", "", "todos: does not meet a constraint of the database.")},
		"not null":           {"lists", writegate.Insert, 515, "Cannot insert the value NULL into column 'name', table 'shop.app.lists'; column does not allow nulls. INSERT fails.", refused(writegate.NotNullViolation, "lists", "name", "lists.name: must not be null.")},
		"too long":           {"lists", writegate.Insert, 2628, "String or binary data would be truncated in table 'shop.app.lists', column 'owner'. Truncated value: ', column 'name'.'.", refused(writegate.InvalidData, "lists", "owner", "lists.owner: a value does not fit its column.")},
		"too long somewhere": {"lists", writegate.Insert, 8152, "String or binary data would be truncated.", refused(writegate.InvalidData, "lists", "", "lists: a value does not fit its column.")},
		"row-level security": {"lists", writegate.Insert, 33504, "The attempted operation failed because the target object 'shop.app.lists' has a block predicate that conflicts with this operation.", told{Class: writegate.Refused, Code: writegate.Unauthorized, Reason: "not_writable", Table: "lists", Message: "lists: this row can't be written by this user."}},
		"raised":             {"lists", writegate.Insert, 51234, "secret", told{Class: writegate.Refused, Code: writegate.ConstraintViolation, Reason: "db.raised", Table: "lists", Message: "lists: a rule in the database refuses this row."}},
		"deadlock":           {"lists", writegate.Insert, 1205, "secret", told{Class: writegate.Rerun, Code: writegate.Conflict, Message: "The write met another one; it is worth trying again.", Index: -2}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			w := shop()
			p := newPeer(t, w.answer)
			db := opened(t, p)
			table := schemaOf(t, db)[c.table]
			keys := map[string]any{"lists": listID, "todos": "a"}
			changes := []writegate.Change{change(writegate.Remove, table, keys[c.table], nil), change(c.verb, table, keys[c.table], nil)}
			verb := map[writegate.Verb]string{writegate.Insert: "INSERT INTO [app]", writegate.Update: "INSERT INTO @w", writegate.Remove: "DELETE FROM"}[c.verb]
			if c.verb == writegate.Remove {
				changes = changes[1:]
			}
			w.change(func() {
				w.fail[verb] = reply{errors: []failure{{number: c.number, message: c.text}, {number: 3621, message: "The statement has been terminated."}}, begins: 10}
			})
			w.change(func() { w.rows = nil })
			for _, blame := range []bool{true, false} {
				err := db.InTx(t.Context(), someone, func(tx writegate.Tx) error {
					if blame {
						tx.Blame()
					}
					return tx.Write(t.Context(), changes)
				})
				want, got := c.want, tell(err)
				if want.Index == 0 {
					want.Index = len(changes) - 1
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("blame %v: %v\n%s", blame, errors.Unwrap(writegate.AsError(err)), diff)
				}
				if strings.Contains(got.Message, "secret") {
					t.Error("the message carries the server's text")
				}
			}
		})
	}
}

// TestWhereAnErrorIs has the server name a line, of a batch or of a trigger, in which there is no one to blame.
func TestWhereAnErrorIs(t *testing.T) {
	w := shop()
	p := newPeer(t, w.answer)
	db := opened(t, p)
	todos := schemaOf(t, db)["todos"]
	for name, c := range map[string]struct {
		failure failure
		blame   bool
		index   int
	}{
		"the statement":          {failure{number: 515, message: "m"}, false, 2},
		"a trigger":              {failure{number: 515, message: "m", procedure: "tr_todos", line: 3}, false, -1},
		"a trigger, with Blame":  {failure{number: 515, message: "m", procedure: "tr_todos", line: 3}, true, 2},
		"a trigger's own number": {failure{number: 51000, message: "m", procedure: "tr_todos", line: 2}, false, -1},
	} {
		w.change(func() { w.fail = map[string]reply{"DELETE FROM": {errors: []failure{c.failure}, begins: 10}} })
		err := db.InTx(t.Context(), someone, func(tx writegate.Tx) error {
			if c.blame {
				tx.Blame()
			}
			return tx.Write(t.Context(), []writegate.Change{
				change(writegate.Insert, todos, "a", nil), change(writegate.Update, todos, "b", writegate.Row{"rank": int64(1)}), change(writegate.Remove, todos, "c", nil), change(writegate.Insert, todos, "d", nil),
			})
		})
		if got := tell(err); got.Index != c.index || got.Class != writegate.Refused {
			t.Errorf("%s: %+v, want change %d", name, got, c.index)
		}
	}
}

// TestTwins has the index take keys for equal that differ.
func TestTwins(t *testing.T) {
	w := shop()
	p := newPeer(t, w.answer)
	db := opened(t, p)
	todos := schemaOf(t, db)["todos"]
	w.change(func() {
		w.fail["INSERT INTO [app]"] = reply{errors: []failure{{number: 2627, message: duplicateKey}}, begins: 10}
	})
	for name, c := range map[string]struct {
		same, all int
		race      bool
	}{"another row": {0, 1, false}, "the same row": {1, 1, true}, "none any more": {0, 0, true}} {
		w.change(func() { w.fail["COALESCE(SUM("] = reply{sets: []resultSet{result("ii", []any{c.same, c.all})}} })
		err := db.InTx(t.Context(), someone, func(tx writegate.Tx) error {
			return tx.Write(t.Context(), []writegate.Change{change(writegate.Insert, todos, "A", nil)})
		})
		got := tell(err)
		if got.Race != c.race || !c.race && (got.Code != writegate.UniqueViolation || got.Column != "id") {
			t.Errorf("%s: %+v", name, got)
		}
	}
	golden(t, "twins", p.requests()[:6])
}

func TestMissingRowIsARace(t *testing.T) {
	w := shop()
	p := newPeer(t, w.answer)
	db := opened(t, p)
	todos := schemaOf(t, db)["todos"]
	w.change(func() { w.missing = []int{1} })
	err := db.InTx(t.Context(), someone, func(tx writegate.Tx) error {
		return tx.Write(t.Context(), []writegate.Change{change(writegate.Remove, todos, "a", nil), change(writegate.Update, todos, "b", writegate.Row{"rank": int64(1)})})
	})
	if got := tell(err); !got.Race || got.Index != 1 {
		t.Errorf("%+v", got)
	}
}

// steps of a transaction, by a text in what is sent.
var steps = map[string]string{"begin": "BEGIN TRANSACTION", "claim": "[writegate_clients]", "load": "OPENJSON(", "write": "INSERT INTO [app]", "settle": "INSERT INTO [writegate].[writegate_ledger]", "commit": "COMMIT TRANSACTION"}

// whole is a transaction with every step.
func whole(ctx context.Context, db *DB, schema writegate.Schema) error {
	return db.InTx(ctx, someone, func(tx writegate.Tx) error {
		if _, err := tx.Claim(ctx, writegate.Claim{ClientID: "d1", Subject: "u1", First: 1, Last: 1}); err != nil {
			return err
		}
		if _, err := tx.Load(ctx, []writegate.Read{{Table: schema["todos"], Keys: []any{"a"}, Lock: writegate.ForUpdate}}); err != nil {
			return err
		}
		if err := tx.Write(ctx, []writegate.Change{change(writegate.Insert, schema["todos"], "a", nil)}); err != nil {
			return err
		}
		return tx.Settle(ctx, writegate.Settlement{Run: &writegate.Run{ClientID: "d1", Subject: "u1", FirstOp: 1, LastOp: 1, Ops: []byte{1}}})
	})
}

// TestConnectionLost breaks the connection in each step, and in each has the server end the session. Both are worth
// sending again, and the next transaction goes through.
func TestConnectionLost(t *testing.T) {
	for step, text := range steps {
		for how, broken := range map[string]reply{"dropped": {drop: true}, "killed": {errors: []failure{{number: 596, severity: 21, message: "m"}}, fatal: true}} {
			t.Run(step+" "+how, func(t *testing.T) {
				w := shop()
				p := newPeer(t, w.answer)
				db := opened(t, p, func(c *Config) { c.MaxConns = 1 })
				schema := schemaOf(t, db)
				w.change(func() { w.fail[text] = broken })
				if got := tell(whole(t.Context(), db, schema)); got.Class != writegate.Retry || got.Reason != "" {
					t.Errorf("it is %+v", got)
				}
				w.change(func() { delete(w.fail, text) })
				if err := whole(t.Context(), db, schema); err != nil {
					t.Errorf("afterwards: %v (cause: %v)", err, writegate.AsError(err).Cause)
				}
			})
		}
	}
}

// TestStaleConnections has the pool full of dead connections, as after a failover.
func TestStaleConnections(t *testing.T) {
	p := newPeer(t, shop().answer)
	db := opened(t, p)
	schema := schemaOf(t, db)
	p.hangUp()
	if err := whole(t.Context(), db, schema); err != nil {
		t.Errorf("%v (cause: %v)", err, writegate.AsError(err).Cause)
	}
}

func TestLoginFails(t *testing.T) {
	for number, class := range map[int]writegate.Class{18456: writegate.Retry, 4060: writegate.Retry, 40613: writegate.Retry, 916: writegate.Operator} {
		p := newPeer(t, shop().answer)
		p.failLogins(slices.Repeat([]failure{{number: number, severity: 14, message: "Login failed for user 'secret'."}}, 5)...)
		_, err := Open(t.Context(), Config{DSN: p.dsn()})
		if got := tell(err); got.Class != class || strings.Contains(fmt.Sprint(got), "secret") {
			t.Errorf("%d: %+v", number, got)
		}
	}
	if _, err := Open(t.Context(), Config{DSN: "sqlserver://user:secret@127.0.0.1:1?encrypt=disable"}); tell(err).Class != writegate.Retry {
		t.Errorf("nobody there: %+v", tell(err))
	}
}

func TestTimeouts(t *testing.T) {
	w := shop()
	p := newPeer(t, w.answer)
	db := opened(t, p, func(c *Config) { c.StatementTimeout = 100 * time.Millisecond })
	schema := schemaOf(t, db)
	p.requests()
	for step, text := range steps {
		if step == "commit" { // whose answer is waited for
			continue
		}
		w.change(func() { w.fail = map[string]reply{text: {hang: true}} })
		got := tell(whole(t.Context(), db, schema))
		if got.Class != writegate.Retry || got.Reason != writegate.ReasonTimeout {
			t.Errorf("%s: %+v", step, got)
		}
		if !slices.ContainsFunc(p.requests(), func(r request) bool { return r.kind == "attention" }) {
			t.Errorf("%s: the server was not told to stop", step)
		}
	}
	patient := opened(t, p)
	ctx, cancel := context.WithCancel(t.Context())
	w.change(func() { w.fail = map[string]reply{steps["load"]: {hang: true}} })
	time.AfterFunc(50*time.Millisecond, cancel)
	if got := tell(whole(ctx, patient, schema)); got.Class != writegate.Retry || got.Reason != "" {
		t.Errorf("cancelled: %+v", got)
	}
	w.change(func() {
		w.fail = map[string]reply{steps["claim"]: {errors: []failure{{number: 1222, message: "Lock request time out period exceeded."}}}}
	})
	if got := tell(whole(t.Context(), patient, schema)); got.Class != writegate.Retry || got.Reason != "device.busy" {
		t.Errorf("the device's row: %+v", got)
	}
	w.change(func() {
		w.fail = map[string]reply{steps["claim"]: {errors: []failure{{number: 2627, message: "Violation of PRIMARY KEY constraint 'writegate_clients_key'. Cannot insert duplicate key in object 'writegate.writegate_clients'. The duplicate key value is (x)."}}}}
	})
	if got := tell(whole(t.Context(), patient, schema)); got.Class != writegate.Rerun {
		t.Errorf("the device's row was made meanwhile: %+v", got)
	}
}

// TestBabelfish has one transaction at a time, and the next one waits or is told to come again.
func TestBabelfish(t *testing.T) {
	w := shop()
	w.change(func() { w.babelfish = "4.2.0" })
	p := newPeer(t, w.answer)
	db := opened(t, p)
	schema := schemaOf(t, db)
	p.requests()
	if err := whole(t.Context(), db, schema); err != nil {
		t.Error(err)
	}
	golden(t, "babelfish", p.requests()[:2])
	w.change(func() { w.alone = -1 })
	if got := tell(whole(t.Context(), db, schema)); got.Class != writegate.Retry || got.Index != -2 {
		t.Errorf("%+v", got)
	}
	if heard := p.requests(); len(heard) != 3 || !strings.Contains(heard[2].text, "ROLLBACK TRANSACTION") {
		t.Errorf("heard %v", heard)
	}
}

// TestDuplicatesOfViews has a view, whose indexes nobody knows, refuse a row.
func TestDuplicatesOfViews(t *testing.T) {
	w := shop()
	p := newPeer(t, w.answer)
	db := opened(t, p)
	view := schemaOf(t, db)["open"]
	for name, c := range map[string]struct {
		verb writegate.Verb
		same int
		race bool
	}{"the key is taken": {writegate.Insert, 1, true}, "something else is": {writegate.Insert, 0, false}, "an update": {writegate.Update, 1, false}} {
		refused := reply{errors: []failure{{number: 2627, message: duplicateKey}}, begins: 10}
		w.change(func() {
			w.fail = map[string]reply{
				"COALESCE(SUM(":                  {sets: []resultSet{result("ii", []any{c.same, c.same})}},
				"INSERT INTO [app].[open_todos]": refused, "UPDATE [app].[open_todos]": refused,
			}
		})
		err := db.InTx(t.Context(), someone, func(tx writegate.Tx) error {
			return tx.Write(t.Context(), []writegate.Change{change(c.verb, view, "a", writegate.Row{"title": "x"})})
		})
		if got := tell(err); got.Race != c.race || !c.race && got.Code != writegate.UniqueViolation {
			t.Errorf("%s: %+v", name, got)
		}
	}
}
