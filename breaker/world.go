package breaker

import "fmt"

// world is what the tables hold before anybody writes.
type world struct {
	tenants []string
	// rows are by table and id.
	rows map[string]map[string]record
}

// record is a row as texts.
type record map[string]string

// The tables of the app. Some device's transaction touches several at once.
const (
	registers = "registers" // rows of one device each; every value that is written occurs once in the run
	accounts  = "accounts"  // balances of a tenant, with a constant sum
	tallies   = "tallies"   // counters of a tenant
	lists     = "lists"     // rows of a tenant whose changes the policy logs, each naming the value before
	changes   = "changes"   // that log
	badges    = "badges"    // where a value may occur once
	effects   = "effects"   // what a trigger saw of the registers, where there are triggers
)

var tables = []string{registers, accounts, tallies, lists, badges}

const (
	// victim is a tenant without devices: nobody may change anything of it.
	victim = "victim"
	// taken is a badge that is given away.
	taken = "taken"

	accountsEach = 4
	talliesEach  = 2
	listsEach    = 2
	wealth       = 1000 // of each account
	start        = "start"
)

func newWorld(tenants int) *world {
	w := &world{rows: map[string]map[string]record{}}
	for i := range tenants {
		w.tenants = append(w.tenants, fmt.Sprintf("tenant-%d", i))
	}
	for _, owner := range append([]string{victim}, w.tenants...) {
		for i := range accountsEach {
			w.add(accounts, owner, i, "balance", fmt.Sprint(wealth))
		}
		for i := range talliesEach {
			w.add(tallies, owner, i, "n", "0")
		}
		for i := range listsEach {
			w.add(lists, owner, i, "value", start)
		}
	}
	w.add(registers, victim, 0, "value", start)
	w.add(badges, victim, 0, "badge", taken)
	return w
}

func (w *world) add(table, owner string, i int, column, value string) {
	if w.rows[table] == nil {
		w.rows[table] = map[string]record{}
	}
	id := rowOf(owner, i)
	w.rows[table][id] = record{"id": id, "owner": owner, column: value}
}

// rowOf names one of the rows that a tenant has from the beginning.
func rowOf(owner string, i int) string { return fmt.Sprintf("%s-%d", owner, i) }

// policyText lets each tenant write its own rows. The name alone tells two revisions apart.
func policyText(revision int) string {
	return fmt.Sprintf(`policy: 1
name: breaker-%d
claims:
  sub: {type: text, required: true}
changelog: {table: changes}
tables:
  registers:
    immutable: [owner]
    rules:
      - {name: owner, ops: [create, update, delete], row: row.owner == claims.sub, columns: [owner, value]}
  accounts:
    counters: {balance: {from: delta}}
    rules:
      - {name: owner, ops: [update], row: row.owner == claims.sub, columns: [balance]}
  tallies:
    counters: {n: {from: delta}}
    rules:
      - {name: owner, ops: [update], row: row.owner == claims.sub, columns: [n]}
  lists:
    changelog: [value]
    rules:
      - {name: owner, ops: [update], row: row.owner == claims.sub, columns: [value]}
  badges:
    immutable: [owner]
    rules:
      - {name: owner, ops: [create], row: row.owner == claims.sub, columns: [owner, badge]}
`, revision)
}
