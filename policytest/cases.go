package policytest

import (
	"slices"
	"strconv"
	"strings"

	"writegate"
	"writegate/policy"
)

func (r *reader) test(n *policy.Node, f *File) Case {
	c := Case{Place: placeOf(n)}
	var op, batch, wanted *policy.Node
	hold := func(into **policy.Node) func(*policy.Node) { return func(n *policy.Node) { *into = n } }
	r.keys(n, "tests", map[string]func(*policy.Node){
		"name":   r.text("tests", &c.Name),
		"as":     func(n *policy.Node) { c.As = r.actors(n, f) },
		"op":     hold(&op),
		"batch":  hold(&batch),
		"expect": hold(&wanted),
	})
	if n.Kind != policy.NodeMap {
		return c
	}
	switch {
	case c.Name == "":
		r.fault(n, "tests", "the key name: is missing")
	case slices.ContainsFunc(f.Cases, func(other Case) bool { return other.Name == c.Name }):
		r.fault(n, "tests", "two tests are called %q", c.Name)
	}
	if c.As == nil {
		r.fault(n, "tests", "the key as: is missing; it names one user or several")
	}
	if (op == nil) == (batch == nil) {
		r.fault(n, "tests", "a test has either op: or batch:")
		return c
	}
	items := []*policy.Node{op}
	if batch != nil {
		if r.is(batch, "tests.batch", policy.NodeList) && len(batch.Items) == 0 {
			r.fault(batch, "tests.batch", "the list is empty")
		}
		items = batch.Items
	}
	r.ops(items, &c)
	if wanted != nil {
		c.expect = r.expect(wanted, &c, batch != nil)
	}
	return c
}

// actors reads who does it.
func (r *reader) actors(n *policy.Node, f *File) []string {
	names := r.words(n, "tests.as")
	if n.Kind == policy.NodeList && len(names) == 0 {
		r.fault(n, "tests.as", "the list is empty")
	}
	for _, name := range names {
		if _, ok := f.User(name); !ok {
			r.fault(n, "tests.as", "there is no user %q", name)
		}
	}
	return names
}

// kinds are the operations by the keys that stand for them.
var kinds = map[string]writegate.Kind{"put": writegate.Put, "patch": writegate.Patch, "delete": writegate.Delete}

func (r *reader) ops(items []*policy.Node, c *Case) {
	c.ClientID = device
	for i, n := range items {
		op, meta := r.op(n)
		switch {
		case meta.client == nil:
		case i > 0 && c.ClientID != *meta.client:
			r.fault(n, "tests.batch", "the operations of one batch come from one device: write the same client_id at each")
		default:
			c.ClientID = *meta.client
		}
		op.OpID = int64(i + 1)
		c.Ops, c.places = append(c.Ops, op), append(c.places, placeOf(n))
	}
}

func (r *reader) op(n *policy.Node) (op writegate.Op, m metadata) {
	const path = "tests.op"
	known := map[string]func(*policy.Node){
		"data": func(n *policy.Node) { op.Data = rowOf(r.cells(n, path+".data")) },
		"meta": func(n *policy.Node) { m = r.metadata(n, path+".meta") },
	}
	for key, kind := range kinds {
		known[key] = func(n *policy.Node) {
			if op.Kind != "" {
				r.fault(n, path, "an operation is one of put:, patch: and delete:")
			}
			op.Kind = kind
			op.Table, op.ID = r.target(n, path+"."+key)
		}
	}
	r.keys(n, path, known)
	switch {
	case n.Kind != policy.NodeMap:
	case op.Kind == "":
		r.fault(n, path, "an operation is one of put:, patch: and delete:")
	case op.Kind == writegate.Delete && op.Data != nil:
		r.fault(n, path, "a delete has no data:")
	case op.Kind != writegate.Delete && op.Data == nil:
		op.Data = writegate.Row{}
	}
	op.Previous, op.Metadata = m.previous, m.text
	return op, m
}

// target reads table/id.
func (r *reader) target(n *policy.Node, path string) (table, id string) {
	table, id, ok := strings.Cut(r.word(n, path), "/")
	if !ok || table == "" || id == "" {
		r.fault(n, path, "expected table/id, such as lists/l1")
	}
	return table, id
}

// ParseOp reads an operation as a test file has it, from its parts: put, patch or delete in any letter case, table/id,
// and what comes after data: and meta:, empty for nothing. It also returns the device, which meta: may name.
func ParseOp(kind, target, data, meta string) (writegate.Op, string, error) {
	lines := []string{strings.ToLower(kind) + ": " + strconv.Quote(target)}
	if data != "" {
		lines = append(lines, "data: "+data)
	}
	if meta != "" {
		lines = append(lines, "meta: "+meta)
	}
	n, err := policy.ParseNode("operation", []byte(strings.Join(lines, "\n")))
	if err != nil {
		return writegate.Op{}, "", err
	}
	r := &reader{name: "operation"}
	var c Case
	if r.ops([]*policy.Node{n}, &c); len(r.faults) > 0 {
		return writegate.Op{}, "", r.faults
	}
	return c.Ops[0], c.ClientID, nil
}
