package applierstest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"writegate"
)

// decidedTables are what random policies are about.
var decidedTables = []TableDef{
	{Name: "orgs", Columns: []ColumnDef{
		{Name: "name", Type: writegate.Text, NotNull: true}, {Name: "archived", Type: writegate.Bool, NotNull: true},
	}},
	{Name: "members", Columns: []ColumnDef{
		{Name: "org", Type: writegate.Text, NotNull: true}, {Name: "usr", Type: writegate.Text, NotNull: true},
		{Name: "role", Type: writegate.Text, NotNull: true}, {Name: "gone", Type: writegate.Timestamp},
	}, Unique: [][]string{{"org", "usr"}}},
	{Name: "docs", Columns: []ColumnDef{
		{Name: "org", Type: writegate.Text, NotNull: true},
		{Name: "owner", Type: writegate.Text, NotNull: true},
		{Name: "title", Type: writegate.Text, NotNull: true},
		{Name: "body", Type: writegate.Text},
		{Name: "status", Type: writegate.Text, NotNull: true},
		{Name: "n", Type: writegate.Int, NotNull: true},
		{Name: "price", Type: writegate.Decimal},
		{Name: "qty", Type: writegate.Int, NotNull: true},
		{Name: "done", Type: writegate.Bool, NotNull: true},
		{Name: "made", Type: writegate.Timestamp},
		{Name: "tags", Type: writegate.Document},
		{Name: "version", Type: writegate.Int, NotNull: true},
		{Name: "edited", Type: writegate.Timestamp},
		{Name: "clocks", Type: writegate.Document},
		{Name: "writer", Type: writegate.Text},
		{Name: "deleted", Type: writegate.Timestamp},
	}},
}

// maker makes things up.
type maker struct {
	*rand.Rand
	b strings.Builder
	// taken are the columns of docs that belong to a part of the policy, so that no rule lists them.
	taken map[string]bool
	// states says that the column status goes through states.
	states bool
}

func (m *maker) pick(words ...string) string { return words[m.IntN(len(words))] }

// chance is true once in n times.
func (m *maker) chance(n int) bool { return m.IntN(n) == 0 }

// some picks about half of the words, at least one of them.
func (m *maker) some(words ...string) string {
	var out []string
	for _, w := range words {
		if m.chance(2) {
			out = append(out, w)
		}
	}
	if out == nil {
		out = []string{m.pick(words...)}
	}
	return "[" + strings.Join(out, ", ") + "]"
}

func (m *maker) line(format string, args ...any) { fmt.Fprintf(&m.b, format+"\n", args...) }

// quoted is a text of YAML that nothing in it ends.
func quotedYAML(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }

// policy is a random policy over the tables.
func (m *maker) policy() string {
	m.taken = map[string]bool{}
	m.line("policy: 1")
	m.line("engine: {batch: %s, dependents: %s, patch_missing: %s, put_existing: %s}",
		m.pick("atomic", "per_op", "per_op", "per_op"), m.pick("skip", "try"), m.pick("ignore", "reject"), m.pick("merge", "replace", "reject"))
	m.line("claims:")
	m.line("  sub: {type: text, required: true}")
	m.line("  level: {type: int, default: 0}")
	m.line("  org: {type: text, default: none}")
	m.line("roles: {high: claims.level > 1, all: 'true'}")
	m.line("lookups:")
	lock := func() string { return m.pick("none", "share", "update") }
	m.line("  member: {table: members, args: {org: text}, where: {org: $org, usr: $claims.sub, gone: null}, select: [role, org], lock: %s}", lock())
	m.line("  org: {table: orgs, args: {id: text}, where: {id: $id}, select: [name, archived], lock: %s}", lock())
	m.line("  others: {table: members, args: {org: text}, where: {org: $org, role: admin, gone: null}, count: {limit: %d}, lock: %s}", 1+m.IntN(3), lock())
	m.line("  mates: {table: members, args: {org: text}, where: {org: $org}, select: [usr, role], list: {limit: 3}, lock: %s}", lock())
	m.line("  doc: {table: docs, args: {id: text}, where: {id: $id}, select: [owner, status, n], lock: %s}", lock())
	m.line("  alike: {table: docs, args: {org: text, status: text}, where: {org: $org, status: $status}, count: {limit: 4}, lock: %s}", lock())
	m.line("defs:")
	m.line(`  role_in: {args: {o: text}, returns: string, expr: 'member(o).?role.orValue("")'}`)
	m.line("tables:")
	m.members()
	m.docs()
	return m.b.String()
}

// members are rows whose rules look up others of their kind.
func (m *maker) members() {
	m.line("  members:")
	m.line("    default: {role: %s}", quotedYAML(`"tech"`))
	if m.chance(2) {
		m.line("    columns: {role: {enum: [admin, tech, viewer]}}")
	}
	if m.chance(2) {
		m.line("    immutable: [org, usr]")
	}
	m.line("    rules:")
	m.line("      - {name: admin, ops: %s, row: %s, columns: %s}", m.pick("[create, update, delete]", "[create, delete]", "[update]"),
		quotedYAML(m.pick(`role_in(row.org) == "admin"`, `role_in(row.org) == "admin" && row.usr != claims.sub`, `mates(row.org).exists(x, x.usr == claims.sub)`)), "[org, usr, role, gone]")
	if m.chance(2) {
		m.line("    forbid:")
		m.line("      - {name: last, on: [update, delete], when: %s, code: org.last, message: The last one stays.}",
			quotedYAML(`old.role == "admin" && others(old.org) < 1`))
	}
}

// docs have a part of everything.
func (m *maker) docs() {
	m.line("  docs:")
	if m.chance(3) {
		m.line("    visible: %s", quotedYAML(m.condition("row", 1)))
	}
	if m.chance(4) {
		m.line("    tenant: org")
	}
	m.conflict()
	if m.chance(3) {
		m.taken["qty"] = true
		m.line("    counters: {qty: {from: %s, min: 0%s}}", m.pick("previous", "previous", "delta"), m.pick("", ", max: 20", ", on_violation: clamp", ", code: stock.low"))
	}
	if m.chance(3) {
		m.taken["deleted"] = true
		m.line("    soft_delete: {column: deleted, value: now, put_on_deleted: %s, patch_on_deleted: %s}", m.pick("reject", "ignore", "dead_letter"), m.pick("reject", "ignore"))
	}
	m.modes()
	m.line("    default: {org: '\"o1\"', owner: claims.sub, title: '\"new\"', status: '\"s0\"', n: 1, done: false%s%s}", m.unless("qty", ", qty: 0"), m.unless("version", ", version: 1"))
	m.sets()
	m.machine()
	m.rules()
	m.guards()
}

// unless is a text where a column is free.
func (m *maker) unless(column, text string) string {
	if m.taken[column] {
		return ""
	}
	return text
}

func (m *maker) conflict() {
	on := func() string {
		if m.chance(2) {
			return "on_conflict: merge, merge: {title: " + m.pick("client", "server", "if_unchanged") + ", n: " + m.pick("max", "min", "if_unchanged") + ", tags: " + m.pick("set_union", "set_diff") +
				`, "*": ` + m.pick("conflict", "client", "server") + "}"
		}
		return "on_conflict: " + m.pick("reject", "server_wins")
	}
	switch m.IntN(6) {
	case 0:
		m.taken["version"] = true
		m.line("    conflict: {strategy: version, column: version, missing_expected: %s, %s}", m.pick("reject", "apply"), on())
	case 1:
		m.taken["edited"] = true
		m.line("    conflict: {strategy: lww, column: edited, tie: %s, max_future: 2m, %s}", m.pick("client", "server"), on())
	case 2:
		m.taken["clocks"] = true
		m.line("    conflict: {strategy: field_lww, clocks: clocks, tie: %s, max_future: 2m}", m.pick("client", "server"))
	case 3:
		m.taken["edited"] = true
		m.line("    conflict: {strategy: timestamp, column: edited, missing_expected: %s, %s}", m.pick("reject", "apply"), on())
	}
}

func (m *maker) modes() {
	for _, mode := range []string{"server", "ignore"} {
		if column := m.pick("writer", "made", "body", "price"); m.chance(6) && !m.taken[column] {
			m.taken[column] = true
			m.line("    %s: [%s]", mode, column)
		}
	}
	if m.chance(2) {
		m.line("    immutable: %s", m.some("owner", "org", "made"))
	}
	var kept []string
	for _, check := range []string{
		"title: {" + m.pick("min_len: 1, max_len: 4", "trim: true, min_len: 1", `pattern: "[a-d]*"`) + "}", "n: {" + m.pick("min: 0", "max: 4", "enum: [0, 1, 2, 3, 4]") + "}",
		"price: {" + m.pick("min: 0, max: 10.5", "min: 0.25") + "}", "status: {enum: [s0, s1, s2]}", "tags: {" + m.pick("max_items: 2", "items: {max_len: 2}", "max_bytes: 20") + "}",
		"body: {" + m.pick("max_len: 3", "format: email") + "}", `made: {min: "2026-01-02T00:00:00Z"}`,
	} {
		if m.chance(6) {
			kept = append(kept, check)
		}
	}
	if kept != nil {
		m.line("    columns: {%s}", strings.Join(kept, ", "))
	}
}

func (m *maker) sets() {
	var sets []string
	if m.chance(3) && !m.taken["made"] {
		sets = append(sets, "{on: [create], values: {made: now}}")
	}
	if m.chance(3) && !m.taken["writer"] {
		sets = append(sets, "{on: [create, update], values: {writer: claims.sub}}")
	}
	if m.chance(4) && !m.taken["body"] {
		sets = append(sets, "{on: [update], when: "+quotedYAML(m.condition("both", 1))+`, values: {body: '"set"'}}`)
	}
	if sets != nil {
		m.line("    set: [%s]", strings.Join(sets, ", "))
	}
}

func (m *maker) machine() {
	if m.states = m.chance(3); !m.states {
		return
	}
	m.line("    states:")
	m.line("      column: status")
	m.line("      initial: [s0]")
	m.line("      transitions:")
	m.line("        - {from: s0, to: [s1, s2]}")
	m.line("        - {from: s1, to: s2, if: %s}", quotedYAML(m.condition("both", 1)))
	if m.chance(2) {
		m.line("        - {from: [s1, s2], to: s0, if: %s}", quotedYAML(m.condition("old", 1)))
	}
	if m.chance(2) {
		m.line("      message_expr: %s", quotedYAML(`"From " + old.status + " to " + new.status + "."`))
	}
}

func (m *maker) rules() {
	m.line("    rules:")
	free := []string{}
	for _, column := range []string{"org", "owner", "title", "body", "status", "n", "price", "done", "made", "tags", "writer"} {
		if !m.taken[column] {
			free = append(free, column)
		}
	}
	if !m.taken["edited"] {
		free = append(free, "edited")
	}
	for i := range 1 + m.IntN(4) {
		ops := m.some("create", "update", "delete", "update")
		to := ""
		if m.chance(4) {
			to = ", to: [high]"
		}
		how := "row: " + quotedYAML(m.pick("", "", `claims.sub != "u9" || `, "row.owner != claims.org || ", "row.owner != claims.org || ")+"("+m.condition("row", 2)+")")
		if m.chance(3) {
			how = "using: " + quotedYAML(m.condition("old", 2))
			if strings.Contains(ops, "create") || strings.Contains(ops, "update") {
				how += ", check: " + quotedYAML(m.condition("new", 2))
			}
			if ops == "[create]" {
				how = "check: " + quotedYAML(m.condition("new", 2))
			}
		}
		columns := ""
		if ops != "[delete]" {
			columns = ", columns: [" + strings.Join(append(slices.Clone(free), "qty"), ", ") + "]"
			if m.chance(8) {
				columns = ", columns: " + strings.Replace(m.some(free...), "]", ", qty]", 1)
			}
		}
		m.line("      - {name: r%d, ops: %s%s, %s%s}", i, unrepeated(ops), to, how, columns)
	}
}

// unrepeated leaves out words that a list has twice.
func unrepeated(list string) string {
	words := strings.Split(strings.Trim(list, "[]"), ", ")
	var out []string
	for _, w := range words {
		if !slices.Contains(out, w) {
			out = append(out, w)
		}
	}
	return "[" + strings.Join(out, ", ") + "]"
}

func (m *maker) guards() {
	if m.chance(2) {
		m.line("    forbid:")
		for i := range 1 + m.IntN(2) {
			on, scope := m.on()
			except := m.pick("", ", except: [high]")
			m.line("      - {name: f%d, on: %s, when: %s%s%s}", i, on, quotedYAML(m.condition(scope, 1)), except, m.pick("", ", code: doc.f, message: No."))
		}
	}
	if m.chance(2) {
		m.line("    validate:")
		for i := range 1 + m.IntN(2) {
			when := ""
			if m.chance(3) {
				when = ", when: " + quotedYAML(m.condition("new", 0))
			}
			m.line("      - {name: v%d, on: [%s], that: %s%s%s}", i, m.pick("create", "update", "create, update"), quotedYAML(m.condition("new", 1)), when,
				m.pick("", ", field: n, code: doc.v"))
		}
	}
}

// on says for which operations, and what there is then.
func (m *maker) on() (on, scope string) {
	switch m.IntN(3) {
	case 0:
		return "[create]", "new"
	case 1:
		return "[update]", "both"
	}
	return "[update, delete]", "old"
}
