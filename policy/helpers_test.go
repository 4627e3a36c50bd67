package policy

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"writegate"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var now = time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)

const policies = "../testdata/policies"

// schema makes tables from lines such as "lists: id uuid!, name text, n int!=, g text~, s enum(a|b)!": an
// exclamation mark is not null, an equals sign a default of the database, a tilde a computed column. The
// first column is the key, unless the name of the table is followed by the columns that are, as in "stock(item,store)".
func schema(lines string) writegate.Schema {
	out := writegate.Schema{}
	for line := range strings.SplitSeq(strings.TrimSpace(lines), "\n") {
		name, columns, _ := strings.Cut(strings.TrimSpace(line), ": ")
		name, parts, composite := strings.Cut(strings.TrimSuffix(name, ")"), "(")
		t := &writegate.Table{Name: name, Source: "public." + name}
		for text := range strings.SplitSeq(columns, ", ") {
			column, typ, _ := strings.Cut(text, " ")
			c := &writegate.Column{
				Name: column, Nullable: !strings.Contains(typ, "!"), HasDefault: strings.Contains(typ, "="), ReadOnly: strings.Contains(typ, "~"),
			}
			c.Native = strings.TrimRight(typ, "!=~")
			if values, ok := strings.CutPrefix(c.Native, "enum("); ok {
				c.Native, c.Values = "enum", strings.Split(strings.TrimSuffix(values, ")"), "|")
			}
			c.Type = types[c.Native]
			c.Convert = func(wire any) (any, error) { return convert(c, wire) }
			t.Columns = append(t.Columns, c)
		}
		t.Key = t.Columns[0].Name
		if composite {
			for part := range strings.SplitSeq(parts, ",") {
				t.Parts = append(t.Parts, t.Column(part))
			}
			key, err := writegate.Composite("id", t.Parts, "")
			if err != nil {
				panic(err)
			}
			t.Key, t.Columns = "id", append([]*writegate.Column{key}, t.Columns...)
		}
		out[name] = t
	}
	return out
}

var types = map[string]writegate.Type{
	"text": writegate.Text, "int": writegate.Int, "bool": writegate.Bool, "time": writegate.Timestamp, "uuid": writegate.UUID,
	"date": writegate.Date, "float": writegate.Float, "decimal": writegate.Decimal, "json": writegate.Document, "enum": writegate.Other, "any": writegate.Any, "list": writegate.List, "binary": writegate.Binary,
}

var errForm = errors.New("the value has the wrong form")

// convert does what a driver does, as far as the tests need it.
func convert(c *writegate.Column, wire any) (any, error) {
	text, isText := wire.(string)
	if n, ok := wire.(json.Number); ok {
		text, isText = n.String(), true
	}
	switch {
	case wire == nil:
		return nil, nil
	case c.Type == writegate.Any:
		return wire, nil
	case c.Values != nil:
		if slices.Contains(c.Values, text) {
			return text, nil
		}
		return nil, errors.New("the value is not one of the type's")
	case c.Type == writegate.UUID:
		if len(text) != 36 {
			return nil, errForm
		}
		return strings.ToLower(text), nil
	case c.Type == writegate.Timestamp:
		if t, ok := wire.(time.Time); ok {
			return t, nil
		}
		t, err := time.Parse(time.RFC3339, text)
		if err != nil {
			return nil, errForm
		}
		return t.UTC(), nil
	case c.Type == writegate.Bool:
		if b, ok := wire.(bool); ok {
			return b, nil
		}
		if b, err := strconv.ParseBool(text); err == nil {
			return b, nil
		}
		return nil, errForm
	case c.Type == writegate.Int:
		if n, ok := wire.(int64); ok {
			return n, nil
		}
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return nil, errForm
		}
		return n, nil
	case c.Type == writegate.Float:
		if f, ok := wire.(float64); ok {
			return f, nil
		}
		f, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return nil, errForm
		}
		return f, nil
	case c.Type == writegate.Binary:
		if _, ok := wire.(writegate.Bytes); ok {
			return wire, nil
		}
		return nil, errForm
	case c.Type == writegate.Document, c.Type == writegate.List:
		if j, ok := wire.(writegate.JSON); ok {
			return string(j), nil
		}
	}
	if !isText {
		return nil, errForm
	}
	return text, nil
}

const todoSchema = `
lists: id text!, name text!, owner_id text!, created_at time!
todos: id text!, list_id text!, description text!, completed bool!, created_by text!, created_at time!, completed_at time
`

// bind makes a bundle from text, and fails the test when it does not load.
func bind(t testing.TB, text, tables string) *Bundle {
	t.Helper()
	s, err := Parse("test.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	b, err := s.Bind(schema(tables))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func todo(t testing.TB) *Bundle {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(policies, "todo.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	return bind(t, string(text), todoSchema)
}

func judgeFor(t testing.TB, b *Bundle, subject string, claims map[string]any) writegate.Judge {
	t.Helper()
	j, err := b.Judge(writegate.Asking{Caller: writegate.Caller{Subject: subject, Claims: claims}, ClientID: "d1", Now: now})
	if err != nil {
		t.Fatal(err)
	}
	return j
}

// run puts one operation through both stages, as the pipeline does: the stored row is reduced to what the
// operation asked for.
func run(t testing.TB, j writegate.Judge, op writegate.Op, stored writegate.Row) writegate.Decision {
	t.Helper()
	a, refusal := j.Admit(&op)
	if refusal != nil {
		return writegate.Decision{Refusal: refusal}
	}
	return j.Decide(a, project(stored, a.Needs), nil)
}

func project(row writegate.Row, columns []string) writegate.Row {
	if row == nil {
		return nil
	}
	out := writegate.Row{}
	for _, c := range columns {
		if v, ok := row[c]; ok {
			out[c] = v
		}
	}
	return out
}

// outcome names a decision in one word: the reason of the refusal, or unknown, noop, insert, update, remove.
func outcome(d writegate.Decision) string {
	switch {
	case d.Refusal != nil:
		return d.Refusal.Reason
	case d.Unknown:
		return "unknown"
	case d.Change == nil:
		return "noop"
	}
	return [...]string{"", "insert", "update", "remove"}[d.Change.Verb]
}

func put(table, id string, data writegate.Row) writegate.Op {
	return writegate.Op{Kind: writegate.Put, Table: table, ID: id, Data: data}
}

func patch(table, id string, data writegate.Row) writegate.Op {
	return writegate.Op{Kind: writegate.Patch, Table: table, ID: id, Data: data}
}

func del(table, id string) writegate.Op {
	return writegate.Op{Kind: writegate.Delete, Table: table, ID: id}
}
