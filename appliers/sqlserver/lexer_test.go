package sqlserver

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"
)

// lexeme is a token of T-SQL: a word, a number, a @variable, an [identifier], a 'text', or one other character.
type lexeme struct{ kind, text string }

// lex takes a statement apart as the server does with QUOTED_IDENTIFIER ON.
func lex(sql string) ([]lexeme, error) {
	var out []lexeme
	for i := 0; i < len(sql); {
		c := sql[i]
		switch {
		case c == ' ' || c == '\n' || c == '\t':
			i++
		case strings.HasPrefix(sql[i:], "--"):
			for i < len(sql) && sql[i] != '\n' {
				i++
			}
		case strings.HasPrefix(sql[i:], "/*"):
			return nil, fmt.Errorf("a comment at %d", i)
		case c == '[' || c == '\'' || c == '"' || c == 'N' && i+1 < len(sql) && sql[i+1] == '\'':
			kind, end := "text", byte('\'')
			if c == 'N' {
				i++
			}
			switch c {
			case '[':
				kind, end = "identifier", ']'
			case '"':
				kind, end = "identifier", '"'
			}
			var content strings.Builder
			for i++; ; i++ {
				if i >= len(sql) {
					return nil, fmt.Errorf("a %s has no end", kind)
				}
				if sql[i] == end {
					if i+1 >= len(sql) || sql[i+1] != end {
						break
					}
					i++
				}
				content.WriteByte(sql[i])
			}
			i++
			out = append(out, lexeme{kind, content.String()})
		case c == '@' || c == '_' || unicode.IsLetter(rune(c)) || c >= '0' && c <= '9':
			start := i
			for i < len(sql) && (sql[i] == '@' || sql[i] == '_' || unicode.IsLetter(rune(sql[i])) || sql[i] >= '0' && sql[i] <= '9') {
				i++
			}
			kind := "word"
			switch {
			case c == '@':
				kind = "variable"
			case c >= '0' && c <= '9':
				kind = "number"
			}
			out = append(out, lexeme{kind, sql[start:i]})
		case c < 0x80:
			out = append(out, lexeme{"sign", string(c)})
			i++
		default:
			return nil, fmt.Errorf("the character %q outside of quotation marks", c)
		}
	}
	return out, nil
}

var parameter = regexp.MustCompile(`^@p(\d+)$`)

// check holds a request to what every statement must keep: quotation marks and parentheses close, each parameter
// is declared, sent and used, and an insert has as many values as columns.
func check(t *testing.T, r request) {
	t.Helper()
	if r.kind == "attention" || r.kind == "script" {
		return
	}
	tokens, err := lex(r.text)
	if err != nil {
		t.Errorf("%v:\n%s", err, r.text)
		return
	}
	used, depth := map[int]bool{}, 0
	for _, l := range tokens {
		if m := parameter.FindStringSubmatch(l.text); m != nil && l.kind == "variable" {
			n, _ := strconv.Atoi(m[1])
			used[n] = true
		}
		switch l {
		case lexeme{"sign", "("}:
			depth++
		case lexeme{"sign", ")"}:
			depth--
		}
	}
	declared := 0
	if r.decl != "" {
		declared = strings.Count(r.decl, "@p")
	}
	if depth != 0 || len(used) != declared || declared != len(r.params) || declared > 2098 {
		t.Errorf("parentheses %d, parameters %d used, %d declared, %d sent:\n%s", depth, len(used), declared, len(r.params), r.text)
	}
	for n := range used {
		if n < 1 || n > declared {
			t.Errorf("@p%d is not declared:\n%s", n, r.text)
		}
	}
	for i, l := range tokens {
		if l == (lexeme{"word", "INSERT"}) {
			checkInsert(t, tokens[i:], r.text)
		}
	}
}

// checkInsert compares the columns of an insert with its values.
func checkInsert(t *testing.T, tokens []lexeme, sql string) {
	t.Helper()
	at := slices.Index(tokens, lexeme{"sign", "("})
	columns, rest := list(tokens[at+1:])
	var values int
	for i, l := range rest {
		if l == (lexeme{"word", "VALUES"}) {
			values, _ = list(rest[i+2:])
			break
		}
		if l == (lexeme{"word", "SELECT"}) {
			values, _ = list(rest[i+1:])
			break
		}
	}
	if columns != values {
		t.Errorf("an insert has %d columns and %d values:\n%s", columns, values, sql)
	}
}

// list counts the items up to the closing parenthesis or FROM.
func list(tokens []lexeme) (int, []lexeme) {
	n, depth := 1, 0
	for i, l := range tokens {
		switch {
		case l == lexeme{"sign", "("}:
			depth++
		case l == lexeme{"sign", ")"} && depth > 0:
			depth--
		case depth > 0:
		case l == lexeme{"sign", ")"} || l == lexeme{"word", "FROM"}:
			return n, tokens[i+1:]
		case l == lexeme{"sign", ","}:
			n++
		}
	}
	return n, nil
}

func TestCheckFindsFaults(t *testing.T) {
	for _, text := range []string{
		"SELECT [a]]", "SELECT N'a''", "SELECT (1", "SELECT @p1", "INSERT INTO [a] ([b], [c]) VALUES (1)", "INSERT INTO [a] ([b]) SELECT f(1, 2), 3 FROM [c]", "SELECT ü",
	} {
		fake := &testing.T{}
		check(fake, request{kind: "batch", text: text})
		if !fake.Failed() {
			t.Errorf("%s passes", text)
		}
	}
}

func FuzzQuote(f *testing.F) {
	for _, seed := range []string{"", "a", "]", "]]", "[", "'", "''", "a]; DROP TABLE x; --", "N'", `"`, "\x00", "ü", "--", "/*"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, name string) {
		for kind, sql := range map[string]string{"identifier": quote(name), "text": literal(name)} {
			tokens, err := lex("(" + sql + ")")
			if err != nil || len(tokens) != 3 || tokens[1] != (lexeme{kind, name}) {
				t.Errorf("%q becomes %s, which is %v, %v", name, sql, tokens, err)
			}
		}
		for _, statement := range ddlStatements(name) {
			if _, err := lex(statement); err != nil {
				t.Errorf("%v: %s", err, statement)
			}
		}
	})
}
