// Package servicefile reads whose tokens the PowerSync service believes out of its own configuration: the client_auth
// section of a service.yaml, or of what the vendor's Cloud exports as JSON.
//
// The two differ in what they say and are told apart by what is there. Nothing that it reports repeats a value.
package servicefile

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"writegate/auth"
)

// Source is a file to read, and what the reader knows besides.
type Source struct {
	// Name is what remarks call the file.
	Name string
	Text []byte
	// Env looks up what "!env NAME" stands for.
	Env func(string) (string, bool)
	// Audience is added to the one of the file. The Cloud's export has none: it is the address of the instance.
	Audience []string
	// InsecureHosts are hosts, without port, whose key set may be fetched by http.
	InsecureHosts []string
}

// Circles are the circles of trust of a file; nil is one that it does not have.
type Circles struct {
	// Service is the one of jwks_uri and jwks.
	Service *auth.Options
	// Supabase is the one of a Supabase project, whose audience and lifetime are its own.
	Supabase *auth.Options
	// Notes are what an operator should know although it is no fault.
	Notes []Remark
}

// What kind of remark it is.
const (
	Invalid     = "INVALID"     // what is there is wrong
	Unsupported = "UNSUPPORTED" // the service may do it, and writegate does not
	Missing     = "MISSING"     // something has to be given

	TemporaryTokens  = "TEMPORARY_TOKENS_EXCLUDED"       // the Cloud's own development tokens are not believed here
	SupabaseInferred = "SUPABASE_INFERRED_FROM_DATABASE" // it is the replicated database that says so
	LocalBlocked     = "LOCAL_JWKS_BLOCKED_BY_SERVICE"   // the service would refuse to fetch from private addresses
	Ignored          = "IGNORED"                         // a field that says nothing to us
)

// Remark is one thing about a file: its kind, the field with dots, its place and what to do. It repeats no value.
type Remark struct {
	Code, File, Field string
	Line, Column      int
	Message           string
}

// String is one line as a compiler writes it.
func (r Remark) String() string {
	return fmt.Sprintf("%s:%d:%d: %s: %s (%s)", r.File, r.Line, r.Column, r.Field, r.Message, r.Code)
}

// Faults is everything that keeps a file from being used. It is the error of [Read].
type Faults []Remark

// Error has one line for each fault.
func (f Faults) Error() string {
	lines := make([]string, len(f))
	for i, r := range f {
		lines[i] = r.String()
	}
	return strings.Join(lines, "\n")
}

// Read reads a file. The error is of type [Faults].
func Read(s Source) (*Circles, error) {
	r := &reader{source: s}
	root, err := Parse(s.Text, s.Env)
	if err != nil {
		r.fault(Node{}, Invalid, "client_auth", "%v", err)
		return nil, r.faults
	}
	r.root = root
	if export := root.Under("config"); !export.Missing() && root.Under("client_auth").Missing() {
		r.root, r.cloud, r.prefix = export, true, "config."
	}
	r.read()
	if len(r.faults) > 0 {
		slices.SortStableFunc(r.faults, func(a, b Remark) int { return cmp.Or(a.Line-b.Line, a.Column-b.Column) })
		return nil, r.faults
	}
	return &r.found, nil
}

type reader struct {
	source Source
	root   Node // where client_auth is
	cloud  bool
	prefix string
	found  Circles
	faults Faults
}

func (r *reader) fault(at Node, code, field, format string, args ...any) {
	r.faults = append(r.faults, r.remark(at, code, field, format, args...))
}

func (r *reader) note(at Node, code, field, format string, args ...any) {
	r.found.Notes = append(r.found.Notes, r.remark(at, code, field, format, args...))
}

func (r *reader) remark(at Node, code, field, format string, args ...any) Remark {
	line, column := at.place()
	return Remark{Code: code, File: r.source.Name, Field: r.prefix + field, Line: line, Column: column, Message: fmt.Sprintf(format, args...)}
}

// known are the fields of client_auth that are read; the others are noted.
var known = []string{
	"jwks_uri", "jwks", "audience", "additional_audiences", "supabase", "supabase_jwt_secret",
	"block_local_jwks", "allow_local_jwks", "allow_temporary_tokens", "jwks_reject_ip_ranges",
}

func (r *reader) read() {
	c := r.root.Under("client_auth")
	if !r.readable(c, "client_auth") || !r.readable(c.Under("jwks"), "client_auth.jwks") {
		return
	}
	for _, name := range c.Names() {
		if !slices.Contains(known, name) {
			r.note(c.Under(name), Ignored, "client_auth."+name, "says nothing to writegate")
		}
	}
	o := auth.Options{Audiences: r.audience(c), InsecureHosts: r.source.InsecureHosts}
	project := r.supabase(c)
	for i, uri := range c.Under("jwks_uri").Items() {
		r.uri(uri, "client_auth.jwks_uri"+index(c.Under("jwks_uri"), i), &o, project)
	}
	r.keys(c, &o)
	r.remarks(c)
	if len(o.JWKSURLs)+len(o.JWKS)+len(o.HS256Secrets) > 0 {
		if len(o.Audiences) == 0 {
			r.fault(c, Missing, "client_auth.audience", "no audience; give the one of the tokens as audience beside service_yaml: at the Cloud it is the address of the instance")
		}
		r.found.Service = &o
	}
	if r.found.Service == nil && r.found.Supabase == nil && len(r.faults) == 0 {
		r.fault(c, Missing, "client_auth", "has no source of keys: jwks_uri, jwks or supabase")
	}
}

// readable has a fault in a section that says something in a way that is not read here: it must not count as one that says
// nothing, since others are believed then.
func (r *reader) readable(section Node, field string) bool {
	switch {
	case section.Missing():
	case !section.isMapping():
		r.fault(section, Unsupported, field, "has to be a mapping of its fields, written here; anchors, aliases and tags are not followed")
		return false
	case !section.Under(mergeKey).Missing():
		r.fault(section.Under(mergeKey), Unsupported, field, "has a merge key <<, which is not followed; write the fields here")
		return false
	}
	return true
}

// index names an item of a list; a value alone has none.
func index(list Node, i int) string {
	if items := list.Items(); len(items) == 1 && items[0].node == list.node {
		return ""
	}
	return "[" + strconv.Itoa(i) + "]"
}

func (r *reader) audience(c Node) []string {
	all := slices.Clone(r.source.Audience)
	for _, name := range []string{"audience", "additional_audiences"} {
		for i, item := range c.Under(name).Items() {
			field := "client_auth." + name + index(c.Under(name), i)
			switch text, err := item.Text(); {
			case err != nil:
				r.fault(item, Invalid, field, "%v", err)
			case strings.TrimSpace(text) == "":
				r.fault(item, Invalid, field, "blank")
			case !slices.Contains(all, text):
				all = append(all, text)
			}
		}
	}
	return all
}

// uri takes one address of a key set. That of a Supabase project is the project's.
func (r *reader) uri(n Node, field string, o *auth.Options, project string) {
	text, err := n.Text()
	if err != nil {
		r.fault(n, Invalid, field, "%v", err)
		return
	}
	if ref, ok := supabaseKeys(text); ok {
		if project == "" || ref == project {
			r.useSupabase(ref)
			r.found.Supabase.Audiences = slices.Compact(slices.Sorted(slices.Values(slices.Concat(r.found.Supabase.Audiences, o.Audiences))))
			return
		}
		r.fault(n, Invalid, field, "is of another Supabase project than the database")
		return
	}
	if err := o.CheckKeySetURL(text); err != nil {
		r.fault(n, Invalid, field, "%v", err)
		return
	}
	o.JWKSURLs = append(o.JWKSURLs, text)
}

// keys takes the keys written into the file: public ones as they are, and shared secrets for HS256.
func (r *reader) keys(c Node, o *auth.Options) {
	var public []json.RawMessage
	list := c.Under("jwks", "keys")
	for i, n := range list.Items() {
		field := "client_auth.jwks.keys[" + strconv.Itoa(i) + "]"
		text, err := n.JSON()
		if err != nil {
			r.fault(n, Invalid, field, "%v", err)
			continue
		}
		kty, _ := n.Under("kty").Text()
		switch {
		case kty == "oct":
			r.secret(n, field, o)
		case !n.Under("d").Missing():
			r.fault(n.Under("d"), Unsupported, field, "has private members; leave the public ones there")
		default:
			public = append(public, text)
		}
	}
	if len(public) > 0 {
		set, err := json.Marshal(map[string]any{"keys": public})
		if err != nil {
			r.fault(list, Invalid, "client_auth.jwks.keys", "not JSON Web Keys")
			return
		}
		o.JWKS = [][]byte{set}
	}
}

func (r *reader) secret(n Node, field string, o *auth.Options) {
	alg, _ := n.Under("alg").Text()
	k, _ := n.Under("k").Text()
	value, err := base64.RawURLEncoding.DecodeString(strings.NewReplacer("+", "-", "/", "_").Replace(strings.TrimRight(k, "=")))
	switch {
	case alg != "HS256":
		r.fault(n.Under("alg").or(n), Unsupported, field+".alg", "a shared secret is for HS256 only")
	case k == "" || err != nil:
		r.fault(n.Under("k").or(n), Invalid, field+".k", "has to be the secret in base64url")
	case len(value) < 32:
		r.fault(n.Under("k"), Invalid, field+".k", "shorter than the 32 bytes that HS256 needs")
	default:
		o.HS256Secrets = append(o.HS256Secrets, auth.NewSecret(string(value)))
	}
}

// remarks notes what the service does with tokens and writegate does not, or not so.
func (r *reader) remarks(c Node) {
	flag := func(name string) bool {
		value, err := c.Under(name).Bool()
		if err != nil {
			r.fault(c.Under(name), Invalid, "client_auth."+name, "%v", err)
		}
		return value
	}
	if flag("allow_temporary_tokens") {
		r.note(c.Under("allow_temporary_tokens"), TemporaryTokens, "client_auth.allow_temporary_tokens", "development tokens of the Cloud are not believed: their keys are not published")
	}
	if flag("block_local_jwks") || !c.Under("jwks_reject_ip_ranges").Missing() {
		r.note(c, LocalBlocked, "client_auth", "the service fetches no keys from private addresses; writegate fetches from where jwks_uri says")
	}
	flag("allow_local_jwks")
}
