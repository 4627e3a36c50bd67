package applierstest

import (
	"fmt"
	"regexp"
	"strings"
)

// condition is a random one about row, old or new, or about both of the latter.
func (m *maker) condition(scope string, depth int) string {
	if depth == 0 || m.chance(3) {
		return m.atom(scope)
	}
	a, b := m.condition(scope, depth-1), m.condition(scope, depth-1)
	switch m.IntN(6) {
	case 0:
		return "!(" + a + ")"
	case 1, 2:
		return "(" + a + ") && (" + b + ")"
	case 3:
		return "(" + a + ") ? (" + b + ") : (" + m.condition(scope, 0) + ")"
	}
	return "(" + a + ") || (" + b + ")"
}

// atoms are conditions about x.
var atoms = []string{
	`x.owner == claims.sub`, `x.owner == claims.sub`, `x.owner == claims.sub`, `x.owner != claims.sub`,
	`x.org == claims.org`, `x.status == "s1"`, `x.status in ["s0", "s2"]`, `x.status != "s2"`,
	`x.n < 3`, `x.n >= 1`, `x.n + 1 > 2`, `6 / x.n > 1`, `x.n % 2 == 0`,
	`has(x.body)`, `has(x.body) && x.body.startsWith("a")`, `x.body == "a"`, `x.body != null`, `size(x.title) < 3`, `x.title.startsWith("a")`, `x.title.matches("^[a-c]+$")`,
	`x.done`, `!x.done`, `x.made < now`, `has(x.made) && x.made > timestamp("2026-01-03T00:00:00Z")`,
	`has(x.price) && x.price > 1.5`, `x.price < 3.0`, `size(x.tags) < 2`, `"a" in x.tags`, `has(x.tags) && x.tags.exists(t, t == "b")`,
	`x.id != "d2"`, `x.version > 1`, `!has(x.deleted)`,
	`claims.level > 1`, `claims.sub == "u1"`, `now > timestamp("2026-02-01T00:00:00Z")`, `true`, `req.client_id != ""`,
	`role_in(x.org) == "admin"`, `role_in(x.org) in ["admin", "tech"]`, `role_in(x.org) != ""`, `member(x.org).hasValue()`,
	`others(x.org) < 2`, `others(x.org) >= 1`, `!org(x.org).?archived.orValue(true)`, `org(x.org).?name == optional.of("one")`,
	`mates(x.org).exists(y, y.role == "admin" && y.usr == claims.sub)`, `size(mates(x.org)) < 3`,
	`doc(x.title).?owner.orValue("") == claims.sub`, `doc(x.body).hasValue()`, `doc("d1").?status.orValue("s0") != "s2"`,
	`alike(x.org, x.status) < 2`, `alike(x.org, "s1") < 3`, `org(member(x.org).?org.orValue("o2")).?archived.orValue(false)`,
}

// changes are conditions where there is a new row.
var changes = []string{`changed("title")`, `!changed("n")`, `changed("status") || changed("org")`, `op.is_update`, `op.is_create`}

// pairs are conditions about both rows.
var pairs = []string{`old.n <= new.n`, `old.owner == new.owner`, `old.status != new.status`, `!changed("done") || new.done`}

func (m *maker) atom(scope string) string {
	switch {
	case scope == "both" && m.chance(3):
		return m.pick(pairs...)
	case scope == "both":
		scope = m.pick("old", "new")
	case scope == "new" && m.chance(6):
		return m.pick(changes...)
	}
	return rename(m.pick(atoms...), scope)
}

var aboutX = regexp.MustCompile(`\bx\.`)

// rename makes a condition about x one about another variable.
func rename(text, variable string) string { return aboutX.ReplaceAllLiteralString(text, variable+".") }

// tests are random rows and an upload of one transaction, as a test file.
func (m *maker) tests(device string) string {
	m.b.Reset()
	m.line("policy: policy.yaml")
	m.line("schema: none")
	m.line(`now: "2026-03-01T10:00:00Z"`)
	m.line("users: {u0: {sub: u0, level: 2, org: o1}, u1: {sub: u1, org: o2}, u2: {sub: u2, level: 1, org: o1}}")
	m.line("fixtures:")
	m.line("  orgs:")
	for i := range 2 {
		m.line("    - {id: o%d, name: %s, archived: %s}", i+1, m.pick("one", "two"), m.pick("true", "false"))
	}
	m.line("  members:")
	for i, at := range m.Perm(6)[:4] {
		m.line("    - {id: m%d, org: o%d, usr: u%d, role: %s, gone: %s}", i, 1+at/3, at%3, m.pick("admin", "admin", "tech", "viewer"), m.pick("null", "null", "null", `"2026-01-01T00:00:00Z"`))
	}
	m.line("  docs:")
	for i := range 2 + m.IntN(2) {
		m.line("    - {id: d%d, %s, version: %d, edited: %s, clocks: %s, deleted: %s}", i+1, strings.Join(m.cells(10, false), ", "), 1+m.IntN(3),
			m.instant(), m.pick("null", `{title: "2026-01-03T00:00:00Z"}`), m.pick("null", "null", "null", `"2026-01-05T00:00:00Z"`))
	}
	m.line("tests:")
	m.line("  - name: upload")
	m.line("    as: %s", m.user())
	m.line("    batch:")
	for range 1 + m.IntN(4) {
		m.line("      - %s", m.op(device))
	}
	return m.b.String()
}

func (m *maker) user() string { return m.pick("u0", "u1", "u2") }

func (m *maker) instant() string {
	return m.pick("null", `"2026-01-02T00:00:00Z"`, `"2026-01-03T00:00:00Z"`, `"2026-01-04T12:00:00+02:00"`)
}

// cells are columns with values, of which about one in n is left out. Odd ones have wrong values now and then.
func (m *maker) cells(n int, odd bool) []string {
	wrong := func(right, wrong string) string {
		if odd && m.chance(15) {
			return wrong
		}
		return right
	}
	all := []string{
		"org: " + wrong(m.pick("o1", "o1", "o2"), "null"), "owner: " + m.user(), "title: " + wrong(m.pick("a", "ab", `" b "`, "d1", "d2"), `""`),
		"body: " + m.pick("null", "a", "abc", "d1", `"x@example.org"`), "status: " + wrong(m.pick("s0", "s1", "s2"), "s9"),
		"n: " + wrong(m.pick("0", "1", "2", "3", "4", `"5"`), "1.5"), "price: " + wrong(m.pick("null", "1", "2.50", `"0.1"`), `"x"`),
		"qty: " + m.pick("0", "3", "10"), "done: " + wrong(m.pick("true", "false", "1", "0"), "maybe"), "made: " + m.instant(),
		"tags: " + m.pick("null", "[]", "[a]", "[a, b]", "[c, a, b]"), "writer: " + m.pick("null", "u0"),
	}
	var kept []string
	for _, cell := range all {
		if !m.chance(n) {
			kept = append(kept, cell)
		}
	}
	return kept
}

// few are one to three columns with values.
func (m *maker) few() []string {
	all := m.cells(1000, true)
	if m.chance(30) {
		all = append(all, "nope: 1")
	}
	m.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all[:1+m.IntN(3)]
}

func (m *maker) op(device string) string {
	meta := fmt.Sprintf("client_id: %q", device)
	if m.chance(2) {
		meta += fmt.Sprintf(", base_version: %d", 1+m.IntN(3))
	}
	if m.chance(2) {
		meta += ", client_time: " + m.pick(`"2026-01-03T00:00:00Z"`, `"2026-02-01T00:00:00Z"`, `"2099-01-01T00:00:00Z"`)
	}
	if m.chance(2) {
		meta += ", previous: {" + strings.Join(append(m.cells(2, false), "edited: "+m.instant()), ", ") + "}"
	}
	kind, table := m.pick("put", "put", "patch", "patch", "patch", "delete"), "docs"
	id := fmt.Sprintf("d%d", 1+m.IntN(4))
	if m.chance(5) {
		table, id = "members", fmt.Sprintf("m%d", m.IntN(6))
	}
	if m.chance(60) {
		table = "orgs"
	}
	data := m.few()
	switch {
	case kind == "delete":
		return fmt.Sprintf("{delete: %s/%s, meta: {%s}}", table, id, meta)
	case table == "members":
		data = []string{"org: " + m.pick("o1", "o2"), "usr: " + m.user(), "role: " + m.pick("admin", "tech")}
		data = data[m.IntN(3):]
	case kind == "put":
		data = m.cells(3, true)
	case m.chance(6):
		data = append(data, "deleted: null")
	}
	return fmt.Sprintf("{%s: %s/%s, data: {%s}, meta: {%s}}", kind, table, id, strings.Join(data, ", "), meta)
}
