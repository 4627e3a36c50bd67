package policy

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"writegate/policy/internal/expr"
	"writegate/policy/internal/tree"
)

func (r *reader) policy(root *tree.Node) *spec {
	s := &spec{}
	deny := []word{{text: "user_metadata"}, {text: "raw_user_meta_data"}, {text: "unsafe_metadata"}, {text: "public_metadata"}}
	var version, claims, tables *tree.Node
	var defaults engine
	hold := func(into **tree.Node) func(*tree.Node) { return func(n *tree.Node) { *into = n } }
	r.keys(root, "", map[string]func(*tree.Node){
		"policy": hold(&version),
		"name":   r.text("name", &s.name),
		"claims": hold(&claims),
		"deny_claim_paths": func(n *tree.Node) {
			deny = nil
			r.words("deny_claim_paths", &deny)(n)
		},
		"roles":     r.assignments("roles", &s.roles),
		"lookups":   r.lookups(&s.lookups),
		"defs":      r.defs(&s.defs),
		"vars":      r.vars("vars", &s.defs),
		"engine":    func(n *tree.Node) { r.engine(n, "engine", &s.settings, &defaults) },
		"tables":    hold(&tables),
		"conflicts": r.feed("conflicts", conflictFeed, &s.conflicts),
		"changelog": r.feed("changelog", changeFeed, &s.changelog),

		"route":       r.routes(&s.routes),
		"dead_letter": r.letters(&s.letters, &s.batch),
		"notify":      r.notifies(&s.notify),
		"unknown":     choice(r, "unknown", &defaults.unknown, unknownModes),
		"held":        r.held(&s.settings),
		"maintenance": r.maintenance(&s.closure),
	})
	switch {
	case root.Kind != tree.Map:
		return s
	case version == nil:
		r.fault(root.Pos, "", "", "the key policy: is missing; this version reads policy: 1")
	case version.Text != "1":
		r.fault(version.Pos, "policy", "", "this version reads policy: 1")
	}
	if claims != nil {
		r.claims(claims, s, deny)
	}
	switch {
	case tables == nil:
		r.fault(root.Pos, "", "", "the key tables: is missing")
	case r.is(tables, "tables", tree.Map):
		for _, f := range tables.Fields {
			s.tables = append(s.tables, r.table(f, defaults))
		}
		r.references(s.tables)
	}
	r.recorded(s)
	s.own, s.unknown = r.own, defaults.unknown
	return s
}

func (r *reader) claims(n *tree.Node, s *spec, deny []word) {
	if !r.is(n, "claims", tree.Map) {
		return
	}
	for _, f := range n.Fields {
		path := "claims." + f.Name
		c := claimSpec{name: word{f.Name, f.Pos}, path: []string{f.Name}, typ: "text"}
		var typ word
		var standin *tree.Node
		r.keys(f.Value, path, map[string]func(*tree.Node){
			"path":     func(n *tree.Node) { c.path = r.claimPath(n, path) },
			"type":     func(n *tree.Node) { typ = r.word(n, path) },
			"required": r.boolean(path, &c.required),
			"default":  func(n *tree.Node) { standin = n },
		})
		if typ.text != "" {
			if c.typ = typ.text; !expr.IsClaimType(typ.text) {
				r.fault(typ.pos, path, "", "unknown type %q; there are %s", typ.text, strings.Join(expr.ClaimTypes(), ", "))
			}
		}
		if slices.ContainsFunc(deny, func(w word) bool { return within(c.path, strings.Split(w.text, ".")) }) {
			r.fault(f.Pos, path, "P103", "the path %s is one that users can write themselves", strings.Join(c.path, "."))
		}
		switch {
		case f.Value.Kind != tree.Map:
		case c.required == (standin != nil):
			r.fault(f.Pos, path, "", "a claim has either required: true or a default:, so that it is never null")
		case standin != nil:
			value, ok := expr.ClaimValue(c.typ, plainClaim(standin))
			if c.standin = value; !ok {
				r.fault(standin.Pos, path, "", "the default is no %s", c.typ)
			}
		}
		s.claims = append(s.claims, c)
	}
}

// claimPath reads a dotted path, or a list of the steps where a step has dots in it.
func (r *reader) claimPath(n *tree.Node, path string) []string {
	if n.Kind == tree.Scalar {
		return strings.Split(r.word(n, path).text, ".")
	}
	var steps []word
	r.words(path, &steps)(n)
	out := make([]string, len(steps))
	for i, w := range steps {
		out[i] = w.text
	}
	return out
}

func within(path, prefix []string) bool {
	return len(path) >= len(prefix) && slices.Equal(path[:len(prefix)], prefix)
}

// plainClaim makes of a node what the decoder of tokens makes of the same JSON.
func plainClaim(n *tree.Node) any {
	switch {
	case n.Kind == tree.List:
		out := make([]any, len(n.Items))
		for i, item := range n.Items {
			out[i] = plainClaim(item)
		}
		return out
	case n.Kind != tree.Scalar:
		return nil
	case !n.Quoted && (n.Text == "true" || n.Text == "false"):
		return n.Text == "true"
	case !n.Quoted && json.Valid([]byte(n.Text)):
		return json.Number(n.Text)
	}
	return n.Text
}

func (r *reader) table(f tree.Field, defaults engine) tableSpec {
	path := "tables." + f.Name
	t := tableSpec{name: word{f.Name, f.Pos}, at: f.Value.Pos, engine: defaults}
	known := map[string]func(*tree.Node){
		"table":     r.text(path, &t.source),
		"key":       r.key(path, &t),
		"columns":   r.columns(path, &t),
		"immutable": r.words(path+".immutable", &t.immutable),
		"server":    r.words(path+".server", &t.server),
		"ignore":    r.words(path+".ignore", &t.ignore),
		"default":   r.assignments(path+".default", &t.defaults),
		"set":       func(n *tree.Node) { r.sets(n, path+".set", &t) },
		"rules":     func(n *tree.Node) { r.rules(n, path+".rules", &t) },
		"vars":      r.vars(path+".vars", &t.vars),

		"tenant":      func(n *tree.Node) { t.tenant = r.word(n, path+".tenant") },
		"visible":     r.expr(path+".visible", &t.visible),
		"soft_delete": r.soft(path, &t.soft),
		"states":      r.states(path, &t.states),
		"forbid":      r.forbid(path, &t.forbids),
		"conflict":    r.conflict(path, &t.conflict),
		"counters":    r.counters(path, &t.counters),
		"changelog":   r.words(path+".changelog", &t.changelog),
		"validate":    r.validate(path, &t.validates),
	}
	maps.Copy(known, r.engineKeys(path, &t.engine))
	if f.Name == "" {
		r.fault(f.Pos, "tables", "", "the name of a table is blank")
	}
	r.keys(f.Value, path, known)
	r.needsSoft(&t)
	return t
}

func (r *reader) sets(n *tree.Node, path string, t *tableSpec) {
	if !r.is(n, path, tree.List) {
		return
	}
	for _, item := range n.Items {
		s := setSpec{path: path, pos: item.Pos}
		r.keys(item, path, map[string]func(*tree.Node){
			"on":     r.ops(path, &s.on),
			"when":   r.expr(path+".when", &s.when),
			"values": r.assignments(path, &s.values),
		})
		switch {
		case item.Kind != tree.Map:
		case s.on == 0:
			r.fault(item.Pos, path, "", "the key on: is missing; it lists create, update and delete")
		case len(s.values) == 0:
			r.fault(item.Pos, path, "", "the key values: is missing")
		}
		t.sets = append(t.sets, s)
	}
}

func (r *reader) rules(n *tree.Node, path string, t *tableSpec) {
	if !r.is(n, path, tree.List) {
		return
	}
	for _, item := range n.Items {
		u := ruleSpec{name: word{pos: item.Pos}, path: path}
		r.keys(item, path, r.withMessage(path, &u.message, map[string]func(*tree.Node){
			"name":        func(n *tree.Node) { u.name = r.word(n, path); u.path = path + "." + u.name.text },
			"to":          r.some(path, &u.to),
			"ops":         r.ruleOps(path, &u.ops),
			"row":         r.expr(path, &u.row),
			"using":       r.expr(path, &u.using),
			"check":       r.expr(path, &u.check),
			"columns":     r.words(path, &u.columns),
			"acknowledge": choice(r, path, &u.acknowledged, map[string]bool{"open": true}),
		}))
		if item.Kind != tree.Map {
			continue
		}
		r.shape(item.Pos, &u)
		for i := range t.rules {
			if u.name.text != "" && t.rules[i].name.text == u.name.text {
				r.fault(u.name.pos, path, "", "two rules are called %q", u.name.text)
			}
		}
		t.rules = append(t.rules, u)
	}
}
