package breaker

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// check holds what the devices were told against every table, when all is quiet.
func (r *run) check(ctx context.Context) error {
	found := map[string][]record{}
	own := []string{"writegate_ledger", "writegate_refusals", "writegate_dead_letters"}
	for _, name := range slices.Concat(tables, []string{changes, effects}, own) {
		err := patiently(func(ctx context.Context) (err error) {
			found[name], err = r.Database.Table(ctx, name)
			return err
		})(ctx)
		if err != nil {
			return err
		}
	}
	r.counts.some("dead letters", len(found["writegate_dead_letters"]))
	hold(r.world, r.devices, found, r.faults)
	return nil
}

// hold compares what devices were told with what the tables hold.
func hold(w *world, devices []*device, found map[string][]record, v *violations) {
	m := expect(w, devices)
	for _, table := range tables {
		m.rowsOf(table, found[table], v)
	}
	for tenant, sum := range sums(found[accounts]) {
		if sum != accountsEach*wealth {
			v.add("the accounts of %s sum up to %d in the end, want %d", tenant, sum, accountsEach*wealth)
		}
	}
	if found[effects] != nil {
		m.effectsOf(found[effects], v)
	}
	m.changesOf(found[changes], found[lists], v)
	for _, d := range devices {
		if len(d.queue) > 0 {
			continue // what is still queued may be settled or not; that it is stuck has been told
		}
		d.ledgerOf(found["writegate_ledger"], v)
		d.lettersOf("ledger", found["writegate_refusals"], v)
		d.lettersOf("dead letters", found["writegate_dead_letters"], v)
	}
}

// sums adds up the balances of each tenant.
func sums(rows []record) map[string]int64 {
	out := map[string]int64{}
	for _, row := range rows {
		n, _ := strconv.ParseInt(row["balance"], 10, 64)
		out[row["owner"]] += n
	}
	return out
}

// model is what the tables should hold.
type model struct {
	rows map[string]map[string]record
	// sums are those of counters, by table and id, which have many writers.
	sums map[string]map[string]int64
	// effects are those of each register, in order, and appended are the values that each device put into a list.
	effects  map[string][]string
	appended map[string][][]string
}

// counter names the column that is added to.
var counter = map[string]string{accounts: "balance", tallies: "n"}

// expect replays what the devices were told is applied.
func expect(w *world, devices []*device) *model {
	m := &model{rows: map[string]map[string]record{}, sums: map[string]map[string]int64{accounts: {}, tallies: {}}, effects: map[string][]string{}, appended: map[string][][]string{}}
	for table, rows := range w.rows {
		m.rows[table] = map[string]record{}
		for id, row := range rows {
			m.rows[table][id] = maps.Clone(row)
			if column := counter[table]; column != "" {
				m.sums[table][id], _ = strconv.ParseInt(row[column], 10, 64)
			}
		}
	}
	for _, d := range devices {
		m.replay(d)
	}
	for table, sums := range m.sums {
		for id, n := range sums {
			m.rows[table][id][counter[table]] = strconv.FormatInt(n, 10)
		}
	}
	return m
}

func (m *model) replay(d *device) {
	appended := map[string][]string{}
	for _, tx := range d.done {
		if tx.refused || tx.poison != "" { // what is wrong with the other two of the four has been told
			continue
		}
		for _, op := range tx.ops {
			rows := m.rows[op.table]
			row := rows[op.row]
			switch {
			case row != nil && row["owner"] != d.tenant, row == nil && op.kind != put:
				// There is no such row for this device.
			case op.kind == deletes:
				delete(rows, op.row)
				m.effects[op.row] = append(m.effects[op.row], "delete ")
			case counter[op.table] != "":
				m.sums[op.table][op.row] += int64(op.data[counter[op.table]].(int))
			case op.table == lists:
				appended[op.row] = append(appended[op.row], op.data["value"].(string))
			default:
				kind := "update "
				if row == nil {
					kind = "insert "
				}
				value := op.data["value"].(string)
				rows[op.row] = record{"id": op.row, "owner": d.tenant, "value": value}
				m.effects[op.row] = append(m.effects[op.row], kind+value)
			}
		}
	}
	for id, values := range appended {
		m.appended[id] = append(m.appended[id], values)
	}
}

// rowsOf compares a table. What is in a list depends on who came last, and is looked at with the changes.
func (m *model) rowsOf(table string, found []record, v *violations) {
	want := maps.Clone(m.rows[table])
	for _, row := range found {
		id := row["id"]
		expected := want[id]
		delete(want, id)
		if expected == nil {
			v.add("%s %s should not be there: %v", table, id, row)
			continue
		}
		for column, value := range expected {
			ours := table != lists || column != "value" || m.appended[id] == nil
			if ours && row[column] != value {
				v.add("%s %s: %s is %q, want %q", table, id, column, row[column], value)
			}
		}
	}
	for id := range want {
		v.add("%s %s is missing", table, id)
	}
}

// effectsOf compares what a trigger saw of each register, in order: nothing twice, nothing missing, nothing else.
func (m *model) effectsOf(found []record, v *violations) {
	seen := map[string][]string{}
	for _, e := range found {
		seen[e["id"]] = append(seen[e["id"]], e["kind"]+" "+e["value"])
	}
	for id, want := range m.effects {
		if got := seen[id]; !slices.Equal(got, want) {
			v.add("register %s went through %s, want %s", id, difference(got, want), difference(want, got))
		}
		delete(seen, id)
	}
	delete(seen, rowOf(victim, 0)) // the row that was there before
	for id, got := range seen {
		v.add("register %s went through %s, and nobody did that", id, strings.Join(got, ", "))
	}
}

// difference shows a part of a list that is not as the other, with what comes right before.
func difference(list, other []string) string {
	same := 0
	for same < min(len(list), len(other)) && list[same] == other[same] {
		same++
	}
	part := list[max(0, same-1):min(len(list), same+3)]
	return "… " + strings.Join(part, ", ") + " …"
}

// changesOf follows the values of each list from the first to the stored one. Each change names the value before, so
// that a lost update shows as a fork, and one that was made twice as well.
func (m *model) changesOf(found, stored []record, v *violations) {
	next := map[string]map[string]string{}
	for _, c := range found {
		id := c["row_id"]
		if next[id] == nil {
			next[id] = map[string]string{}
		}
		if other, ok := next[id][c["old_value"]]; ok {
			v.add("list %s: both %s and %s came after %s", id, other, c["new_value"], c["old_value"])
		}
		next[id][c["old_value"]] = c["new_value"]
	}
	for _, row := range stored {
		id, at := row["id"], start
		place := map[string]int{}
		for n := 1; next[id][at] != "" && place[next[id][at]] == 0; n++ {
			at = next[id][at]
			place[at] = n
		}
		if at != row["value"] {
			v.add("list %s: its changes lead to %s, and it is %s", id, at, row["value"])
		}
		if len(place) != len(next[id]) {
			v.add("list %s: only %d of its %d changes lead from one to the next", id, len(place), len(next[id]))
		}
		m.inOrder(id, place, v)
	}
}

// inOrder looks whether each device's values are all there, and in the order of the device.
func (m *model) inOrder(id string, place map[string]int, v *violations) {
	total := 0
	for _, values := range m.appended[id] {
		total += len(values)
		for i, value := range values {
			switch {
			case place[value] == 0:
				v.add("list %s: %s was acknowledged, and is not among its changes", id, value)
			case i > 0 && place[value] < place[values[i-1]]:
				v.add("list %s: %s came before %s", id, value, values[i-1])
			}
		}
	}
	if total != len(place) {
		v.add("list %s: %d changes were acknowledged, and %d made", id, total, len(place))
	}
}
