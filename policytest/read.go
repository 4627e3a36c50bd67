package policytest

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"

	"writegate"
	"writegate/policy"
)

// device is the client id of cases that name none. Operations need one, or what must not happen twice is refused.
const device = "device"

func (r *reader) read(root *policy.Node) *File {
	f := &File{Path: r.name}
	var now, tests *policy.Node
	var policyPath, schemaPath string
	hold := func(into **policy.Node) func(*policy.Node) { return func(n *policy.Node) { *into = n } }
	r.keys(root, "", map[string]func(*policy.Node){
		"policy":   r.text("policy", &policyPath),
		"schema":   r.text("schema", &schemaPath),
		"now":      hold(&now),
		"users":    func(n *policy.Node) { r.users(n, f) },
		"fixtures": func(n *policy.Node) { r.fixtures(n, f) },
		"tests":    hold(&tests),
	})
	if root.Kind == policy.NodeMap {
		r.required(root, "", map[string]bool{"policy": policyPath != "", "schema": schemaPath != "", "users": f.Users != nil, "tests": tests != nil})
	}
	f.Policy, f.Schema = beside(r.name, policyPath), beside(r.name, schemaPath)
	f.Now = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	if now != nil {
		at, err := time.Parse(time.RFC3339Nano, r.word(now, "now"))
		if err != nil {
			r.fault(now, "now", `expected an instant such as "2026-03-01T10:00:00Z"`)
		}
		f.Now = at.UTC()
	}
	if tests != nil && r.is(tests, "tests", policy.NodeList) {
		for _, n := range tests.Items {
			f.Cases = append(f.Cases, r.test(n, f))
		}
	}
	r.sort()
	return f
}

// required reports keys that are missing.
func (r *reader) required(n *policy.Node, path string, there map[string]bool) {
	for _, key := range slices.Sorted(maps.Keys(there)) {
		if !there[key] && !slices.ContainsFunc(r.faults, func(f policy.Fault) bool { return f.Path == key }) {
			r.fault(n, path, "the key %s: is missing", key)
		}
	}
}

func (r *reader) users(n *policy.Node, f *File) {
	if !r.is(n, "users", policy.NodeMap) {
		return
	}
	if len(n.Fields) == 0 {
		r.fault(n, "users", "there is no user")
	}
	for _, field := range n.Fields {
		path := "users." + field.Name
		if _, taken := wantKeys[field.Name]; taken {
			r.faultAt(Place{field.Pos.Line, field.Pos.Column}, path, "%q is a key of expect:, so no user can be called that", field.Name)
		}
		if !r.is(field.Value, path, policy.NodeMap) {
			continue
		}
		claims := plain(field.Value).(map[string]any)
		subject, _ := claims["sub"].(string)
		if strings.TrimSpace(subject) == "" {
			r.fault(field.Value, path, "sub is missing, which every token has; it is a text")
		}
		f.Users = append(f.Users, User{field.Name, writegate.Caller{Subject: subject, Claims: claims}})
	}
}

func (r *reader) fixtures(n *policy.Node, f *File) {
	if !r.is(n, "fixtures", policy.NodeMap) {
		return
	}
	for _, table := range n.Fields {
		path := "fixtures." + table.Name
		if !r.is(table.Value, path, policy.NodeList) {
			continue
		}
		for _, row := range table.Value.Items {
			f.fixtures = append(f.fixtures, fixture{table.Name, placeOf(row), r.cells(row, path)})
		}
	}
}

// metadata puts together what an operation says besides its data.
type metadata struct {
	previous writegate.Row
	client   *string
	text     string
}

func (r *reader) metadata(n *policy.Node, path string) metadata {
	if n.Kind == policy.NodeScalar {
		return metadata{text: n.Text}
	}
	var m metadata
	if !r.is(n, path, policy.NodeMap) {
		return m
	}
	rest := map[string]any{}
	for _, f := range n.Fields {
		switch f.Name {
		case "previous":
			m.previous = rowOf(r.cells(f.Value, path+".previous"))
		case "client_id":
			if r.is(f.Value, path+".client_id", policy.NodeScalar) {
				m.client = &f.Value.Text
			}
		default:
			rest[f.Name] = plain(f.Value)
		}
	}
	if len(rest) > 0 {
		text, _ := json.Marshal(rest) // maps, lists, texts and numbers always marshal
		m.text = string(text)
	}
	return m
}
