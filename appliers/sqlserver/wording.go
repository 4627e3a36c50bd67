package sqlserver

import (
	"crypto/md5" // which Babelfish makes names with
	"encoding/hex"
	"iter"
	"maps"
	"regexp"
	"strings"

	"writegate"
)

// wordings are the messages that name something, by number: SQL Server's, and PostgreSQL's, which Babelfish sends under
// the same numbers. The first place where a wording can have its name counts, and values stand behind it, so what
// clients wrote is never taken for a name.
var wordings = map[int32][]*regexp.Regexp{
	numberDuplicate: duplicates,
	numberUnique:    duplicates,
	numberConstraint: {
		regexp.MustCompile(`^The [A-Z]+ statement conflicted with the [A-Z ]+ constraint "(?P<name>.+?)"\.(?: The conflict occurred in |$)`),
		regexp.MustCompile(`^insert or update on table "(?P<table>.+?)" violates foreign key constraint "(?P<name>.+)"$`),
		regexp.MustCompile(`^update or delete on table "(?P<table>.+?)" violates (?:RESTRICT setting of )?foreign key constraint "(?P<name>.+?)" on table "(?P<by>.+)"$`),
		regexp.MustCompile(`^new row for relation "(?P<table>.+?)" violates check constraint "(?P<name>.+)"$`),
	},
	numberNotNull: {
		regexp.MustCompile(`^Cannot insert the value NULL into column '(?P<name>.+?)', table '(?P<table>.+?)'; column does not allow nulls\.`),
		regexp.MustCompile(`^null value in column "(?P<name>.+?)" of relation "(?P<table>.+)" violates not-null constraint$`),
	},
	numberTruncated: {
		regexp.MustCompile(`^String or binary data would be truncated in table '(?P<table>.+?)', column '(?P<name>.+?)'\.(?: Truncated value: |$)`),
	},
}

var duplicates = []*regexp.Regexp{
	regexp.MustCompile(`^Violation of [A-Z]+ KEY constraint '(?P<name>.+?)'\. Cannot insert duplicate key in object '(?P<table>.+?)'\.(?: The duplicate key value is |$)`),
	regexp.MustCompile(`^Cannot insert duplicate key row in object '(?P<table>.+?)' with unique index '(?P<name>.+?)'\.(?: The duplicate key value is |$)`),
	regexp.MustCompile(`^duplicate key value violates unique constraint "(?P<name>.+)"$`),
}

// mention is what a message says it is about. Table is where it happened, by is the table of a foreign key to it.
// What a message does not say is empty.
type mention struct{ name, table, by string }

func mentioned(number int32, message string) mention {
	for _, w := range wordings[number] {
		found := w.FindStringSubmatch(message)
		if found == nil {
			continue
		}
		group := func(name string) string {
			if i := w.SubexpIndex(name); i >= 0 {
				return found[i]
			}
			return ""
		}
		return mention{name: group("name"), table: group("table"), by: group("by")}
	}
	return mention{}
}

// elsewhere tells that the message is about a table other than the change's, such as one that a trigger writes to. What
// is behind a view nobody knows.
func (m mention) elsewhere(t *writegate.Table) bool {
	if m.table == "" || !driverOf(t).seek {
		return false
	}
	_, short := split(t.Source)
	return !same(m.table, t.Source) && !same(m.table, short) && // of PostgreSQL, which says no schema
		!strings.HasSuffix(strings.ToLower(m.table), "."+strings.ToLower(t.Source)) // behind the name of the database
}

// of returns which of the table's names the message means: the one that is the same letter for letter, else the only one
// that is the same but for case, else the only one of which Babelfish makes what the message says. Empty is none.
func (m mention) of(t *writegate.Table, names iter.Seq[string]) string {
	if m.name == "" || m.elsewhere(t) {
		return ""
	}
	relation := m.by
	if _, short := split(t.Source); relation == "" {
		relation = short
	}
	var exact, folded, made []string
	for name := range names {
		switch {
		case name == m.name:
			exact = append(exact, name)
		case same(m.name, name):
			folded = append(folded, name)
		case m.name == indexName(name, relation):
			made = append(made, name)
		}
	}
	for _, found := range [][]string{exact, folded, made} {
		if len(found) > 0 {
			if len(found) == 1 {
				return found[0]
			}
			return ""
		}
	}
	return ""
}

// column returns the column that the message names, by the name that clients use.
func (m mention) column(t *writegate.Table) []string {
	sources := map[string]string{}
	for name, c := range driverOf(t).columns {
		sources[c.source()] = name
	}
	if found := m.of(t, maps.Keys(sources)); found != "" {
		return []string{sources[found]}
	}
	return nil
}

// same tells whether a name in a message is a known one but for case, or what Babelfish makes of a long one.
func same(said, known string) bool {
	return strings.EqualFold(said, known) || said == shortened(folded(known))
}

// longest is the length in bytes of a name in PostgreSQL.
const longest = 63

// indexName is the name that Babelfish gives an index or a constraint of a table: both names, and the hash of the
// first.
func indexName(name, relation string) string {
	name = shortened(folded(name))
	return shortened(name + shortened(folded(relation)) + hash(name))
}

// shortened cuts a name that is too long as Babelfish does: the hash of the whole takes the place of the rest.
func shortened(name string) string {
	if len(name) <= longest {
		return name
	}
	h := hash(name)
	return name[:longest-len(h)] + h
}

// folded writes the letters of ASCII small, as PostgreSQL does with names in UTF-8.
func folded(name string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, name)
}

func hash(name string) string {
	sum := md5.Sum([]byte(name))
	return hex.EncodeToString(sum[:])
}
