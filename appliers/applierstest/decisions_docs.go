package applierstest

import (
	"slices"
	"strings"
)

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
