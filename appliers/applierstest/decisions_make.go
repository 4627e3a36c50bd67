package applierstest

import (
	"fmt"
	"math/rand/v2"
	"strings"

	"writegate"
)

// decidedTables are what random policies are about.
var decidedTables = []TableDef{
	{Name: "orgs", Columns: []ColumnDef{
		{Name: "name", Type: writegate.Text, NotNull: true}, {Name: "archived", Type: writegate.Bool, NotNull: true},
	}},
	{Name: "members", Columns: []ColumnDef{
		{Name: "org", Type: writegate.Text, NotNull: true},
		{Name: "usr", Type: writegate.Text, NotNull: true},
		{Name: "role", Type: writegate.Text, NotNull: true},
		{Name: "gone", Type: writegate.Timestamp},
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
