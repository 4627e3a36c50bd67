package policy

import (
	"strings"

	"writegate"
	"writegate/policy/internal/expr"
	"writegate/policy/internal/near"
	"writegate/policy/internal/tree"
)

// lookupSpec is a lookup as the file declares it.
type lookupSpec struct {
	name, table word
	args        []argSpec
	where       []whereSpec
	selects     []word
	form        expr.Form
	limit       int
	lock        writegate.Lock
	lazy        bool
	path        string
}

// argSpec is an argument of a lookup or of a definition. Without a type it has that of the column it is compared with.
type argSpec struct{ name, typ word }

// whereSpec says which value a column has.
type whereSpec struct {
	column word
	value  *tree.Node
}

var locks = map[string]writegate.Lock{"none": writegate.Unlocked, "share": writegate.ForShare, "update": writegate.ForUpdate}

// mostRows bounds what a count or a list can be limited to.
const mostRows = 1000

func (r *reader) lookups(into *[]lookupSpec) func(*tree.Node) {
	return func(n *tree.Node) {
		if !r.is(n, "lookups", tree.Map) {
			return
		}
		for _, f := range n.Fields {
			*into = append(*into, r.lookup(f))
		}
	}
}

func (r *reader) lookup(f tree.Field) lookupSpec {
	path := "lookups." + f.Name
	l := lookupSpec{name: word{f.Name, f.Pos}, path: path, limit: 1, lock: writegate.ForShare}
	forms := 0
	form := func(form expr.Form) func(*tree.Node) {
		return func(n *tree.Node) {
			l.form, l.limit = form, 0
			forms++
			r.keys(n, path, map[string]func(*tree.Node){"limit": integer(r, path+".limit", 1, &l.limit)})
			if l.limit == 0 || l.limit > mostRows {
				r.fault(n.Pos, path, "P131", "a count: or list: has a limit: of 1 to %d", mostRows)
			}
		}
	}
	r.keys(f.Value, path, map[string]func(*tree.Node){
		"table":  func(n *tree.Node) { l.table = r.word(n, path) },
		"args":   r.args(path+".args", &l.args),
		"where":  r.where(path+".where", &l.where),
		"select": r.words(path+".select", &l.selects),
		"count":  form(expr.Count),
		"list":   form(expr.List),
		"lock":   choice(r, path+".lock", &l.lock, locks),
		"lazy":   r.boolean(path+".lazy", &l.lazy),
	})
	switch {
	case f.Value.Kind != tree.Map:
		return l
	case l.table.text == "":
		r.fault(f.Pos, path, "", "the key table: is missing")
	case len(l.where) == 0:
		r.fault(f.Pos, path, "", "the key where: is missing; it says which value each column has")
	case forms > 1:
		r.fault(f.Pos, path, "", "a lookup has count: or list:, or neither and finds one row")
	case l.form == expr.Count && len(l.selects) > 0:
		r.fault(l.selects[0].pos, path, "", "a count selects nothing")
	}
	r.used(&l)
	r.reads(l.table, path)
	return l
}

// args reads a map from names to types, or a list of names.
func (r *reader) args(path string, into *[]argSpec) func(*tree.Node) {
	return func(n *tree.Node) {
		if n.Kind != tree.Map {
			var names []word
			r.words(path, &names)(n)
			for _, name := range names {
				*into = append(*into, argSpec{name: name})
			}
			return
		}
		for _, f := range n.Fields {
			a := argSpec{word{f.Name, f.Pos}, r.word(f.Value, path+"."+f.Name)}
			if a.typ.text != "" && !expr.IsArgType(a.typ.text) {
				r.fault(a.typ.pos, path, "", "unknown type %q; there are %s", a.typ.text, strings.Join(expr.ArgTypes(), ", "))
				a.typ.text = "any"
			}
			*into = append(*into, a)
		}
	}
}

func (r *reader) where(path string, into *[]whereSpec) func(*tree.Node) {
	return func(n *tree.Node) {
		if !r.is(n, path, tree.Map) {
			return
		}
		for _, f := range n.Fields {
			if f.Value.Kind != tree.Null {
				r.is(f.Value, path+"."+f.Name, tree.Scalar)
			}
			*into = append(*into, whereSpec{word{f.Name, f.Pos}, f.Value})
		}
	}
}

// reference takes apart what begins with a dollar.
func (w *whereSpec) reference() (arg, claim string) {
	name, ok := strings.CutPrefix(w.value.Text, "$")
	if w.value.Kind != tree.Scalar || !ok {
		return "", ""
	}
	if claim, ok = strings.CutPrefix(name, "claims."); ok {
		return "", claim
	}
	return name, ""
}

// used looks for arguments that nothing is compared with, and for such that are not there.
func (r *reader) used(l *lookupSpec) {
	names := make([]string, len(l.args))
	unused := map[string]word{}
	for i, a := range l.args {
		names[i], unused[a.name.text] = a.name.text, a.name
	}
	for _, w := range l.where {
		arg, _ := w.reference()
		if _, known := unused[arg]; arg != "" && !known && !has(nameWords(l.args), arg) {
			r.fault(w.value.Pos, l.path+".where", "", "there is no argument %s%s; claims are written $claims.name", arg, near.Hint(arg, names))
		}
		delete(unused, arg)
	}
	for _, w := range unused {
		r.fault(w.pos, l.path+".args", "", "no column is compared with the argument %s", w.text)
	}
}

func nameWords(args []argSpec) []word {
	out := make([]word, len(args))
	for i, a := range args {
		out[i] = a.name
	}
	return out
}
