package policy

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const lintHead = `policy: 1
claims:
  sub: {required: true}
  staff: {type: bool, default: false}
roles:
  staff: claims.staff
  lead: claims.staff
  nobody: claims.staff && 1 > 2
tables:
`

// TestDoubts compares what is doubtful about tables that load.
func TestDoubts(t *testing.T) {
	const roles = "8:3 P210 nobody ever has the role nobody"
	for name, tt := range map[string]struct {
		table string
		want  []string
	}{
		"nothing": {`
  lists:
    columns: {name: {min_len: 1}}
    immutable: [owner_id]
    ignore: [created_at]
    set: [{on: [create], values: {created_at: now}}]
    rules:
      - {name: a, ops: [create, update], row: row.owner_id == claims.sub, columns: [name, owner_id]}
      - {name: b, ops: [update, delete], row: row.owner_id == claims.sub, columns: [name]}
      - {name: c, to: [staff], ops: [update], row: "true", columns: [name]}
      - {name: d, ops: [delete], using: "false"}
`, nil},
		"shadowed": {`
  lists:
    rules:
      - {name: a, ops: [create, update], row: row.owner_id == claims.sub, columns: [name, owner_id, created_at]}
      - {name: same, ops: [update], row: "row.owner_id  ==  claims.sub", columns: [name]}
      - {name: other columns, ops: [update], row: row.owner_id == claims.sub, columns: [name, id2]}
      - {name: staff, to: [staff, lead], ops: [update], row: "true", columns: [name]}
      - {name: narrow, to: [staff], ops: [update], using: old.name != "", check: new.name != "", columns: [name]}
      - {name: wide, ops: [update], using: old.name != "", check: new.name != "", columns: [name]}
`, []string{
			`13:16 P210 the rule never decides anything: "a" before it grants all that it does`,
			`16:16 P210 the rule never decides anything: "staff" before it grants all that it does`,
		}},
		"constant": {`
  lists:
    rules:
      - {name: a, ops: [create], check: 1 == 1 || new.name == "", columns: [name, owner_id, created_at]}
      - {name: b, ops: [delete], using: 'old.owner_id == claims.sub && "x" in []'}
    forbid:
      - {name: f, on: [update], when: 'true || old.name == ""'}
    validate:
      - {name: v, on: [create], when: 1 > 2, that: new.name != ""}
`, []string{
			"12:41 P210 the condition is always true", "13:41 P210 the condition is always false",
			"15:39 P210 the condition is always true", "17:39 P210 the condition is always false",
		}},
		"given away": {`
  lists:
    rules:
      - name: a
        ops: [update]
        using: old.owner_id == claims.sub && old.name != "x"
        check: new.name != ""
        columns: [name, owner_id]
      - name: b
        ops: [update]
        using: claims.sub == old.owner_id
        check: new.owner_id == claims.sub && new.name == ""
        columns: [name, owner_id]
`, []string{"16:25 P121 whoever may change owner_id can give the row to somebody else: list it under immutable:, or have check: ask for it"}},
		"checked in vain": {`
  lists:
    columns: {name: {min_len: 1}, owner_id: {enum: [a, b]}, id: {max_len: 9}}
    rules:
      - {name: a, ops: [update], row: row.owner_id == "a", columns: [owner_id]}
`, []string{"11:15 P210 no rule lets anybody write name, so nothing is ever held to this"}},
		"starts over": {`
  lists:
    conflict: {strategy: version, column: version}
    immutable: [owner_id]
    rules:
      - {name: a, ops: [create, update, delete], row: row.owner_id == claims.sub, columns: [name, owner_id, created_at]}
`, []string{"11:26 P140 a row that is deleted and created again has version 1 again, as if it were the same; keep deleted rows with soft_delete:, or use strategy: timestamp"}},
		"stays": {`
  lists:
    conflict: {strategy: version, column: version}
    immutable: [owner_id]
    soft_delete: {column: deleted_at, value: now}
    rules:
      - {name: a, ops: [create, update, delete], row: row.owner_id == claims.sub, columns: [name, owner_id, created_at]}
`, nil},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := Parse("p.yaml", []byte(lintHead+strings.TrimPrefix(tt.table, "\n")))
			if err != nil {
				t.Fatal(err)
			}
			faults, doubts, err := s.Check(schema(strings.Replace(todoSchema, "created_at time!", "created_at time!, id2 text, version int, deleted_at time", 1)))
			if err != nil || len(faults) > 0 {
				t.Fatalf("%v %v", err, faults)
			}
			var got []string
			for _, d := range doubts {
				got = append(got, strings.TrimPrefix(strings.Split(d.String(), " (")[0], "p.yaml:"))
			}
			for i := range got {
				got[i] = strings.Replace(got[i], ": ", " ", 1)
			}
			if diff := cmp.Diff(append([]string{roles}, tt.want...), got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestCheckWithoutTables says what shows without a schema, and nothing of what does not.
func TestCheckWithoutTables(t *testing.T) {
	s, err := Parse("p.yaml", []byte(lintHead+"  lists:\n    rules: [{name: a, ops: [update], using: old.nope == 1}]\nlookups: {l: {table: gone, args: [id], where: {id: $id}}}\n"))
	if err != nil {
		t.Fatal(err)
	}
	faults, doubts, err := s.Check(nil)
	if err != nil || len(faults) != 1 || faults[0].Code != "P120" || len(doubts) != 1 {
		t.Errorf("%v %v %v", faults, doubts, err)
	}
	if _, err := s.Bind(nil); err == nil || !strings.Contains(err.Error(), "unknown table lists") {
		t.Errorf("bound to nothing: %v", err)
	}
}
