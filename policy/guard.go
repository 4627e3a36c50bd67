package policy

import (
	"slices"
	"strings"

	"writegate"
	"writegate/policy/internal/expr"
	"writegate/policy/internal/tree"
)

// maxFailures is how many failed checks one refusal tells of.
const maxFailures = 20

// guardSpec is one item of forbid: or validate:.
type guardSpec struct {
	name       word
	on         ops
	when, that *tree.Node
	except     []word
	message    messageSpec
	path       string
}

// guard is a condition that an operation of one kind is refused by, whoever it comes from.
type guard struct {
	except []int // roles that it does not concern
	// when says whether it applies. A forbid refuses by that alone, a validate refuses when that does not hold.
	when, that *expr.Program
	message    message
}

// forbid reads what is refused although some rule grants it.
func (r *reader) forbid(path string, into *[]guardSpec) func(*tree.Node) {
	return r.guards(path+".forbid", into, func(g *guardSpec) map[string]func(*tree.Node) {
		return map[string]func(*tree.Node){"except": r.some(g.path, &g.except)}
	}, func(g *guardSpec) string {
		if g.when == nil {
			return "the key when: is missing; it says what is forbidden"
		}
		return ""
	})
}

// validate reads what has to hold for every row that results.
func (r *reader) validate(path string, into *[]guardSpec) func(*tree.Node) {
	return r.guards(path+".validate", into, func(g *guardSpec) map[string]func(*tree.Node) {
		return map[string]func(*tree.Node){"that": r.expr(g.path+".that", &g.that)}
	}, func(g *guardSpec) string {
		if g.that == nil {
			return "the key that: is missing; it says what has to hold"
		}
		return ""
	})
}

func (r *reader) guards(path string, into *[]guardSpec, own func(*guardSpec) map[string]func(*tree.Node), lacks func(*guardSpec) string) func(*tree.Node) {
	return func(n *tree.Node) {
		if !r.is(n, path, tree.List) {
			return
		}
		for _, item := range n.Items {
			g := guardSpec{path: path + nameOf(item)}
			keys := r.withMessage(g.path, &g.message, own(&g))
			keys["name"] = func(n *tree.Node) { g.name = r.word(n, path) }
			keys["on"] = r.ops(g.path, &g.on)
			keys["when"] = r.expr(g.path+".when", &g.when)
			keys["field"] = func(n *tree.Node) { g.message.field = r.word(n, g.path) }
			r.keys(item, g.path, keys)
			if item.Kind != tree.Map {
				continue
			}
			if g.name.text == "" {
				r.fault(item.Pos, g.path, "", "the key name: is missing")
			}
			if g.on == 0 {
				r.fault(item.Pos, g.path, "", "the key on: is missing; it lists create, update and delete")
			}
			if why := lacks(&g); why != "" {
				r.fault(item.Pos, g.path, "", "%s", why)
			}
			for _, other := range *into {
				if g.name.text != "" && other.name.text == g.name.text {
					r.fault(g.name.pos, path, "", "two of them are called %q", g.name.text)
				}
			}
			*into = append(*into, g)
		}
	}
}

// nameOf is the name of an item of a list as it continues a path, if it has one.
func nameOf(item *tree.Node) string {
	if item.Kind == tree.Map {
		for _, f := range item.Fields {
			if f.Name == "name" && f.Value.Kind == tree.Scalar {
				return "." + f.Value.Text
			}
		}
	}
	return ""
}

// guards binds forbid: or validate:, for each kind of operation by itself: they know different names.
func (b *tableBinder) guards(specs []guardSpec, kind string) map[writegate.Verb][]guard {
	out := map[writegate.Verb][]guard{}
	for i := range specs {
		spec := &specs[i]
		var except []int
		for _, w := range spec.except {
			except = append(except, b.role(w, spec.path))
		}
		for _, verb := range []writegate.Verb{writegate.Insert, writegate.Update, writegate.Remove} {
			if !spec.on.has(verb) {
				continue
			}
			g := guard{except: except, message: b.message(&spec.message, kind+" "+spec.name.text, spec.path, newScope(verb))}
			if spec.when != nil {
				g.when = b.condition(spec.when, spec.path+".when", newScope(verb))
			}
			if spec.that != nil {
				g.that = b.condition(spec.that, spec.path+".that", newScope(verb))
			}
			out[verb] = append(out[verb], g)
		}
	}
	return out
}

// guarded refuses what is forbidden, the first of it, and then what does not hold, all of it at once. A condition that
// fails refuses.
func (j *judge) guarded(t *table, verb writegate.Verb) *writegate.Decision {
	for i := range t.forbids[verb] {
		g := &t.forbids[verb][i]
		if len(g.except) > 0 && j.plays(g.except) {
			continue
		}
		answer, err := g.when.Test(j.vars)
		switch {
		case answer == expr.Unknown:
			return &undecided
		case answer == expr.Yes, err != nil:
			return &writegate.Decision{Refusal: j.refuse(t, &g.message, writegate.CheckViolation, "row.forbidden", "This change is not allowed.", err)}
		}
	}
	var failed *writegate.Error
	var said []string
	for i := range t.validates[verb] {
		g := &t.validates[verb][i]
		answer, err := g.holds(j.vars)
		switch {
		case answer == expr.Unknown:
			return &undecided
		case answer == expr.Yes:
			continue
		case len(said) == maxFailures:
			continue
		}
		e := j.refuse(t, &g.message, writegate.CheckViolation, "row.invalid", "The row is not valid.", err)
		if failed == nil {
			failed = e
		}
		if !slices.Contains(said, e.Message) {
			said = append(said, e.Message)
		}
	}
	if failed == nil {
		return nil
	}
	failed.Message = strings.Join(said, " ")
	return &writegate.Decision{Refusal: failed}
}

// holds reports whether what is to be valid is, or does not matter. What fails does not hold.
func (g *guard) holds(v *expr.Vars) (expr.Answer, error) {
	if g.when != nil {
		switch answer, err := g.when.Test(v); {
		case err != nil || answer == expr.Unknown:
			return answer, err
		case answer == expr.No:
			return expr.Yes, nil
		}
	}
	return g.that.Test(v)
}
