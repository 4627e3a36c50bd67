package policy

import (
	"strings"

	"writegate/policy/internal/expr"
	"writegate/policy/internal/tree"
)

// defSpec is a named expression: one of defs: with arguments, or one of vars: without.
type defSpec struct {
	name    word
	call    bool
	args    []argSpec
	returns word
	expr    *tree.Node
	path    string
}

// defs reads named expressions that are called.
func (r *reader) defs(into *[]defSpec) func(*tree.Node) {
	return func(n *tree.Node) {
		if !r.is(n, "defs", tree.Map) {
			return
		}
		for _, f := range n.Fields {
			path := "defs." + f.Name
			d := defSpec{name: word{f.Name, f.Pos}, call: true, path: path}
			r.keys(f.Value, path, map[string]func(*tree.Node){
				"args":    r.args(path+".args", &d.args),
				"returns": func(n *tree.Node) { d.returns = r.word(n, path) },
				"expr":    r.expr(path+".expr", &d.expr),
			})
			for _, a := range d.args {
				if a.typ.text == "" {
					r.fault(a.name.pos, path+".args", "", "the argument %s has no type; there are %s", a.name.text, strings.Join(expr.ArgTypes(), ", "))
				}
			}
			if t := d.returns.text; t != "" && !expr.IsArgType(t) {
				r.fault(d.returns.pos, path, "", "unknown type %q; there are %s", t, strings.Join(expr.ArgTypes(), ", "))
				d.returns.text = ""
			}
			if d.expr == nil {
				if f.Value.Kind == tree.Map && f.Value.Get("expr") == nil {
					r.fault(f.Pos, path, "", "the key expr: is missing")
				}
				continue
			}
			*into = append(*into, d)
		}
	}
}

// vars reads named expressions that are not called.
func (r *reader) vars(path string, into *[]defSpec) func(*tree.Node) {
	return func(n *tree.Node) {
		var list []assignment
		r.assignments(path, &list)(n)
		for _, a := range list {
			*into = append(*into, defSpec{name: a.to, expr: a.expr, path: path + "." + a.to.text})
		}
	}
}

// define makes named expressions known to others, by the given means.
func (b *binder) define(specs []defSpec, define func([]expr.Def) ([][]expr.Issue, error)) error {
	var defs []expr.Def
	var from []defSpec
	taken := map[string]bool{}
	for _, s := range specs {
		d := expr.Def{Name: s.name.text, Call: s.call, Returns: s.returns.text, Text: s.expr.Text}
		if !b.free(s.name, s.path) {
			continue
		}
		if taken[d.Name] {
			b.fault(s.name.pos, s.path, "", "the name %s is taken", d.Name)
			continue
		}
		taken[d.Name] = true
		for _, a := range s.args {
			if !b.free(a.name, s.path+".args") {
				a.name.text += "@" // so that calls have as many
			}
			d.Args = append(d.Args, expr.Arg{Name: a.name.text, Type: a.typ.text})
		}
		defs, from = append(defs, d), append(from, s)
	}
	issues, err := define(defs)
	for i := range issues {
		b.report(from[i].expr, from[i].path, issues[i])
	}
	return err
}

// free reports whether expressions can use a name for something new.
func (b *binder) free(w word, path string) bool {
	why := b.compiler.Free(w.text)
	if why != "" {
		b.fault(w.pos, path, "", "the name %s can't be used: %s", w.text, why)
	}
	return why == ""
}
