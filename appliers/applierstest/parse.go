package applierstest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"writegate"
)

var typeByName = map[string]writegate.Type{
	"text": writegate.Text, "int": writegate.Int, "float": writegate.Float, "decimal": writegate.Decimal, "bool": writegate.Bool,
	"timestamp": writegate.Timestamp, "json": writegate.Document, "uuid": writegate.UUID,
}

// parseTable reads a table: its name, then words of these forms. The key is id, of type text or as given.
//
//	column:type  column:type!  (not null)  column:type=default  column:type~  (unique)
//	key(a,b)  (the columns of that name, further on, are the key together)
//	unique(a,b)  column>=number  column->table  column->>table  (cascade)  column~>table  (deferred)
func parseTable(line string) (TableDef, error) {
	words := strings.Fields(line)
	def := TableDef{Name: words[0]}
	var key []string
	for _, w := range words[1:] {
		switch {
		case strings.HasPrefix(w, "key("):
			key = strings.Split(strings.TrimSuffix(strings.TrimPrefix(w, "key("), ")"), ",")
		case strings.HasPrefix(w, "unique("):
			def.Unique = append(def.Unique, strings.Split(strings.TrimSuffix(strings.TrimPrefix(w, "unique("), ")"), ","))
		case strings.Contains(w, ">="):
			column, least, _ := strings.Cut(w, ">=")
			n, err := strconv.ParseInt(least, 10, 64)
			if err != nil {
				return def, err
			}
			def.Checks = append(def.Checks, Check{Name: def.Name + "_" + column + "_min", Column: column, Min: n})
		case strings.Contains(w, "->>"):
			column, parent, _ := strings.Cut(w, "->>")
			def.ForeignKeys = append(def.ForeignKeys, ForeignKey{Column: column, Parent: parent, Cascade: true})
		case strings.Contains(w, "~>"):
			column, parent, _ := strings.Cut(w, "~>")
			def.ForeignKeys = append(def.ForeignKeys, ForeignKey{Column: column, Parent: parent, Deferred: true})
		case strings.Contains(w, "->"):
			column, parent, _ := strings.Cut(w, "->")
			def.ForeignKeys = append(def.ForeignKeys, ForeignKey{Column: column, Parent: parent})
		default:
			c, err := parseColumn(w)
			if err != nil {
				return def, err
			}
			switch {
			case slices.Contains(key, c.Name):
				c.NotNull = true
				def.KeyColumns = append(def.KeyColumns, c)
			case c.Name == "id" && key == nil:
				def.KeyType = c.Type
			default:
				def.Columns = append(def.Columns, c)
			}
		}
	}
	return def, nil
}

func parseColumn(word string) (ColumnDef, error) {
	name, rest, _ := strings.Cut(word, ":")
	rest, literal, hasDefault := strings.Cut(rest, "=")
	c := ColumnDef{Name: name, NotNull: strings.Contains(rest, "!"), Unique: strings.Contains(rest, "~")}
	var known bool
	if c.Type, known = typeByName[strings.Trim(rest, "!~")]; !known {
		return c, fmt.Errorf("%s: no such type", word)
	}
	if !hasDefault {
		return c, nil
	}
	var err error
	switch c.Type {
	case writegate.Int:
		c.Default, err = strconv.ParseInt(literal, 10, 64)
	case writegate.Bool:
		c.Default, err = strconv.ParseBool(literal)
	default:
		c.Default = literal
	}
	return c, err
}

// parseUpload groups lines of one operation by transaction, in their order.
func (p *player) parseUpload(device string, lines []string) *writegate.Upload {
	p.t.Helper()
	up := &writegate.Upload{}
	if device != "-" {
		up.ClientID = device
	}
	for _, line := range lines {
		txID, op, err := parseOp(line)
		if err != nil {
			p.t.Fatalf("%s: %v", line, err)
		}
		n := len(up.Transactions)
		if n == 0 || up.Transactions[n-1].ID != txID || txID == 0 {
			up.Transactions = append(up.Transactions, writegate.Transaction{ID: txID})
			n++
		}
		tx := &up.Transactions[n-1]
		tx.Ops = append(tx.Ops, op)
	}
	return up
}

func parseOp(line string) (txID int64, op writegate.Op, err error) {
	word := func() string {
		w, rest, _ := strings.Cut(line, " ")
		line = rest
		return w
	}
	number := func(w string) int64 {
		if w == "-" {
			return 0
		}
		n, e := strconv.ParseInt(w, 10, 64)
		if e != nil {
			err = e
		}
		return n
	}
	txID = number(word())
	op.OpID = number(word())
	op.Kind = writegate.Kind(word())
	op.Table, line, _ = strings.Cut(line, "/")
	if strings.HasPrefix(line, `"`) {
		quoted, e := strconv.QuotedPrefix(line)
		if e != nil {
			return 0, op, e
		}
		line = strings.TrimPrefix(line[len(quoted):], " ")
		if op.ID, e = strconv.Unquote(quoted); e != nil {
			return 0, op, e
		}
	} else {
		op.ID = word()
	}
	if err != nil {
		return txID, op, err
	}
	return txID, op, carried(&op, line)
}

// carried reads what an operation comes with: columns, previous values behind old= and metadata behind meta=, each as JSON
// and as far as there is any.
func carried(op *writegate.Op, rest string) error {
	for rest = strings.TrimSpace(rest); rest != ""; rest = strings.TrimSpace(rest) {
		old, meta := strings.HasPrefix(rest, "old="), strings.HasPrefix(rest, "meta=")
		rest = strings.TrimPrefix(strings.TrimPrefix(rest, "old="), "meta=")
		var raw json.RawMessage
		dec := json.NewDecoder(strings.NewReader(rest))
		err := dec.Decode(&raw)
		if err != nil {
			return err
		}
		rest = rest[dec.InputOffset():]
		switch {
		case meta:
			op.Metadata = string(raw)
		case old:
			op.Previous, err = wireRow(string(raw))
		default:
			op.Data, err = wireRow(string(raw))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// wireRow reads a JSON object into wire values.
func wireRow(text string) (writegate.Row, error) {
	var raw map[string]json.RawMessage
	if err := json.Unmarshal([]byte(text), &raw); err != nil {
		return nil, err
	}
	row := make(writegate.Row, len(raw))
	for name, value := range raw {
		if value[0] == '{' || value[0] == '[' {
			row[name] = writegate.JSON(value)
			continue
		}
		dec := json.NewDecoder(bytes.NewReader(value))
		dec.UseNumber()
		var v any
		if err := dec.Decode(&v); err != nil {
			return nil, err
		}
		row[name] = v
	}
	return row, nil
}
