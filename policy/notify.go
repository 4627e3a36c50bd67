package policy

import (
	"cmp"
	"encoding/json"
	"strconv"

	"writegate"
	"writegate/policy/internal/tree"
)

// refusalFeed is what the rows of notify: tell.
var refusalFeed = feedKind{
	"id": {"id", []writegate.Type{writegate.Text, writegate.UUID}}, "user": {"user_id", feedIDs}, "client": {"client_id", feedWords},
	"op": {"op_id", []writegate.Type{writegate.Int, writegate.Text}}, "table": {"table_name", feedWords}, "row": {"row_id", feedWords},
	"code": {"code", feedWords}, "message": {"message", feedWords}, "at": {"created_at", feedTimes},
	"resolved": {"resolved_at", feedEnds},
}

// notifies reads the table in which users are told of refusals.
func (r *reader) notifies(into **feedSpec) func(*tree.Node) {
	return func(n *tree.Node) {
		const path = "notify"
		s := &feedSpec{pos: n.Pos, path: path, kind: refusalFeed}
		s.usually("resolved")
		var user word
		r.keys(n, path, map[string]func(*tree.Node){
			"table":       func(n *tree.Node) { s.table = r.word(n, path) },
			"user_column": func(n *tree.Node) { user = r.word(n, path) },
			"columns":     func(n *tree.Node) { r.feedColumns(n, path+".columns", s) },
		})
		switch {
		case n.Kind != tree.Map:
			return
		case s.table.text == "":
			r.fault(n.Pos, path, "", "the key table: is missing")
			return
		case user.text != "":
			s.columns["user"] = user
		}
		if _, told := s.columns["user"]; !told {
			r.fault(n.Pos, path, "", "every row is somebody's: it needs a user_column:")
		}
		r.inserts(s)
		*into = s
	}
}

// notifications binds notify:. A schema file may be without the table, which is for the database to have.
func (b *binder) notifications(s *spec) *feed {
	if s.notify == nil {
		return nil
	}
	if b.schema[s.notify.table.text] == nil {
		b.warn(s.notify.table.pos, s.notify.path, "P100", "the schema has no table %s, so nobody is told of a refusal", s.notify.table.text)
		return nil
	}
	return b.feed(s.notify)
}

// longestTold is how many characters of a client's own words are told back, since columns are seldom made for more.
const longestTold = 255

// notify makes the row that tells the user of a refusal. A row that can't be made is left out.
func (j *judge) notify(why *writegate.Error, blamed *writegate.Op, name string) []writegate.Change {
	op := blamed
	if op == nil {
		op = &writegate.Op{Table: why.Table}
	}
	content := map[string]any{
		"user": j.subject, "client": short(j.clientID), "op": nil, "table": short(op.Table), "row": short(op.ID),
		"code": cmp.Or(why.Reason, string(why.Code)), "message": why.Message, "at": j.now,
		"resolved": j.bundle.outlet.told.open(),
	}
	if op.OpID > 0 {
		content["op"] = json.Number(strconv.FormatInt(op.OpID, 10))
	}
	note, err := j.bundle.outlet.told.row(name, refusalRow, content)
	if err != nil {
		return nil
	}
	return []writegate.Change{note}
}

// refusalRow is the number of the row among those that tell of an operation. The others count from 0.
const refusalRow = -1

// short cuts a text that clients chose.
func short(text string) string {
	if runes := []rune(text); len(runes) > longestTold {
		return string(runes[:longestTold])
	}
	return text
}
