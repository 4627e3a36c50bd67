package mysql

import (
	"context"
	"regexp"
	"slices"
	"strings"

	"writegate"
)

// grant is what the login may do to the tables that schema and table match.
type grant struct {
	schema, table string // patterns of names as GRANT has them; * is any
	all           bool
	privileges    []string
	columns       map[string][]string // privileges on some columns only
	revoked       bool
}

// grants are those of the login and its active roles.
type grants []grant

// grantForm is a line of SHOW GRANTS about tables.
var grantForm = regexp.MustCompile("^(GRANT|REVOKE) (.*) ON (?:TABLE )?(\\*|`(?:[^`]|``)*`)\\.(\\*|`(?:[^`]|``)*`) (?:TO|FROM) ")

// privilegeForm is one privilege of such a line, with columns or without.
var privilegeForm = regexp.MustCompile("([A-Z][A-Z ]*[A-Z])(?: \\(((?:`(?:[^`]|``)*`(?:, ?)?)+)\\))?(?:, |$)")

var identifierForm = regexp.MustCompile("`((?:[^`]|``)*)`")

func (db *DB) grants(ctx context.Context) (grants, error) {
	rows, err := db.pool.QueryContext(ctx, "SHOW GRANTS")
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var all grants
	for rows.Next() {
		var line string
		if err := rows.Scan(&line); err != nil {
			return nil, err
		}
		if g, ok := parseGrant(line); ok {
			all = append(all, g)
		}
	}
	return all, rows.Err()
}

func parseGrant(line string) (grant, bool) {
	m := grantForm.FindStringSubmatch(line)
	if m == nil {
		return grant{}, false
	}
	g := grant{schema: unquote(m[3]), table: unquote(m[4]), revoked: m[1] == "REVOKE", columns: map[string][]string{}}
	for _, p := range privilegeForm.FindAllStringSubmatch(m[2], -1) {
		switch {
		case p[2] != "":
			for _, c := range identifierForm.FindAllString(p[2], -1) {
				g.columns[p[1]] = append(g.columns[p[1]], unquote(c))
			}
		case p[1] == "ALL PRIVILEGES":
			g.all = true
		default:
			g.privileges = append(g.privileges, p[1])
		}
	}
	return g, true
}

func unquote(name string) string {
	if len(name) < 2 || name[0] != '`' {
		return name
	}
	return strings.ReplaceAll(name[1:len(name)-1], "``", "`")
}

// may tells whether the login has a privilege on a table, or on all of some columns of it.
func (all grants) may(privilege, schema, table string, columns []string) bool {
	whole := false
	covered := map[string]bool{}
	for _, g := range all {
		if g.schema != "*" && !like(g.schema, schema) || g.table != "*" && g.table != table {
			continue
		}
		if g.all || slices.Contains(g.privileges, privilege) {
			whole = !g.revoked
		}
		for _, c := range g.columns[privilege] {
			covered[c] = true
		}
	}
	return whole || len(columns) > 0 && !slices.ContainsFunc(columns, func(c string) bool { return !covered[c] })
}

// like matches a name with the pattern of a database in a grant, in which % and _ stand for others unless escaped.
func like(pattern, name string) bool {
	var b strings.Builder
	b.WriteString("(?s)^")
	for escaped, rest := false, []rune(pattern); len(rest) > 0; rest = rest[1:] {
		switch r := rest[0]; {
		case !escaped && r == '\\':
			escaped = true
			continue
		case !escaped && r == '%':
			b.WriteString(".*")
		case !escaped && r == '_':
			b.WriteString(".")
		default:
			b.WriteString(regexp.QuoteMeta(string(r)))
		}
		escaped = false
	}
	return regexp.MustCompile(b.String() + "$").MatchString(name)
}

// seesTriggers returns a function that tells tables whose triggers the login can see. The server hides those of others
// from it, without a word.
func (db *DB) seesTriggers(ctx context.Context) (func(schema, table string) bool, error) {
	all, err := db.grants(ctx)
	return func(schema, table string) bool { return all.may("TRIGGER", schema, table, nil) }, err
}

// need is a privilege, and the columns that it is needed on.
type need struct {
	name    string
	columns []string
}

// lacks lists the privileges that the login would need on a table and has not.
func (all grants) lacks(t *writegate.Table) []string {
	own := driverOf(t)
	var every, created, changed []string
	for _, c := range own.all {
		every = append(every, c.source)
		if t.Column(c.name).ReadOnly {
			continue
		}
		created = append(created, c.source)
		if !slices.Contains(own.key, c) {
			changed = append(changed, c.source)
		}
	}
	needs := []need{{"SELECT", every}, {"INSERT", created}, {"UPDATE", changed}, {"DELETE", nil}}
	if own.lookedUp {
		needs = needs[:1]
	}
	var lacks []string
	for _, p := range needs {
		if !all.may(p.name, own.schema, own.name, p.columns) {
			lacks = append(lacks, p.name)
		}
	}
	return lacks
}
