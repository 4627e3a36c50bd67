package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"writegate"
	"writegate/appliers"
)

// config is the text of a first configuration.
func (s *starter) config() string {
	where := "The address is a secret, so it is not written here:"
	if appliers.InFile(s.driver) {
		where = "The file of the database, relative to the folder of this one:"
	}
	return fmt.Sprintf(`# A first configuration of writegate, for %s. Every key there is: docs/configuration.md.
server:
  addr: 127.0.0.1:6060

auth:
  # Whose tokens are believed. This key is made at the first start, and "writegate token --config" signs with it. For
  # production, put the key set of your sign-in service in its place:
  # jwks_uri: https://issuer.example.com/.well-known/jwks.json
  audience: writegate
  key_file: writegate-key.pem

database:
  driver: %s
  # %s
  #   export DATABASE_URL='%s'
  dsn: ${DATABASE_URL}

policy: %s
`, oneLine(s.version), s.driver, where, appliers.Example(s.driver), starterPolicy)
}

// policy is the text of a first policy, which lets nobody write anything.
func (s *starter) policy() string {
	var b strings.Builder
	b.WriteString(`# Who may write what. What no rule lets through is refused: as this stands, every write is.
# Read the rules of a table, correct them, and take the # away from them.
policy: 1

claims:
  # What rules may ask of a token. Its sub is the user's id.
  sub: {path: sub, type: text, required: true}

tables:`)
	if len(s.tables) == 0 {
		b.WriteString(" {}")
	}
	b.WriteString("\n")
	for i, t := range s.tables {
		if i > 0 {
			b.WriteString("\n")
		}
		s.table(&b, t)
	}
	for _, source := range slices.Sorted(maps.Keys(s.reasons)) {
		fmt.Fprintf(&b, "\n  # %s is left out: %s.\n", oneLine(source), oneLine(s.reasons[source]))
	}
	return b.String()
}

func (s *starter) table(b *strings.Builder, t *writegate.Table) {
	width := 0
	for _, c := range t.Columns {
		width = max(width, len([]rune(c.Name)))
	}
	fmt.Fprintf(b, "  %s:\n", yamlWord(t.Name))
	if source := s.sources[t.Name]; source != t.Name {
		fmt.Fprintf(b, "    table: %s\n", yamlWord(source))
	}
	fmt.Fprintf(b, "    key: {column: %s}\n", yamlWord(t.Key))
	for _, c := range t.Columns {
		fmt.Fprintf(b, "    # %-*s  %s\n", width, oneLine(c.Name), columnNote(t, c))
	}
	var writable []string
	for _, c := range t.Columns {
		if sendable(t, c) {
			writable = append(writable, yamlWord(c.Name))
		}
	}
	owner := ownerOf(t)
	b.WriteString("    #\n")
	fixed, condition := yamlWord(t.Key), `"false"`
	if owner == "" {
		b.WriteString("    # No column looks as if it said whose a row is. The condition has to come from you:\n")
	} else {
		fmt.Fprintf(b, "    # If %s says whose a row is, then these let users write their own rows and nobody else's:\n", owner)
		fixed, condition = fixed+", "+owner, "row."+owner+" == claims.sub"
	}
	fmt.Fprintf(b, "    # immutable: [%s]\n", fixed)
	if owner != "" {
		fmt.Fprintf(b, "    # default: {%s: claims.sub}\n", owner)
	}
	fmt.Fprintf(b, "    # rules:\n    #   - name: owner\n    #     ops: [create, update, delete]\n    #     row: %s\n", condition)
	if len(writable) > 0 {
		fmt.Fprintf(b, "    #     columns: [%s]\n", strings.Join(writable, ", "))
	}
}

// sendable tells the columns that a rule can list: clients call the key id, and a star stands for all columns.
func sendable(t *writegate.Table, c *writegate.Column) bool {
	return c.Name != t.Key && !c.ReadOnly && c.Name != "id" && c.Name != "*" && strings.TrimSpace(c.Name) != ""
}

// columnNote says what a column takes.
func columnNote(t *writegate.Table, c *writegate.Column) string {
	note := oneLine(c.Native)
	if note == "" {
		note = c.Type.String()
	}
	switch {
	case c.Name == t.Key:
		note += ", the key"
	case c.ReadOnly:
		note += ", computed by the database"
	case c.Nullable:
	case c.HasDefault:
		note += ", never null"
	default:
		note += ", required"
	}
	if c.Values != nil {
		note += ", one of " + oneLine(strings.Join(c.Values, ", "))
	}
	return note
}

// ownerOf guesses the column that says whose a row is, empty when none looks like it.
func ownerOf(t *writegate.Table) string {
	for _, name := range []string{"owner_id", "user_id", "created_by", "author_id", "owner", "user_uuid", "account_id", "ownerId", "userId", "createdBy"} {
		c := t.Column(name)
		if c != nil && name != t.Key && !c.ReadOnly && (c.Type == writegate.Text || c.Type == writegate.UUID) {
			return name
		}
	}
	return ""
}

var (
	plainWord = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.]*$`)
	otherWord = regexp.MustCompile(`(?i)^(true|false|yes|no|on|off|null|y|n)$`)
)

// yamlWord writes a name so that YAML reads it back as text, also between brackets.
func yamlWord(name string) string {
	if plainWord.MatchString(name) && !otherWord.MatchString(name) {
		return name
	}
	text, _ := json.Marshal(name) // a string always marshals, and a JSON text is a YAML one
	return string(text)
}

// oneLine keeps what the database says inside of a comment.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == 0x85 || r == 0x2028 || r == 0x2029 || r == 0xfeff {
			return ' '
		}
		return r
	}, s)
}
