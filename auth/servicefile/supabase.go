package servicefile

import (
	"net/url"
	"regexp"
	"slices"
	"strings"

	"writegate/auth"
)

var (
	keysOfProject = regexp.MustCompile(`^https://([a-z0-9]+)\.supabase\.co/auth/v1/\.well-known/jwks\.json$`)
	hostOfProject = regexp.MustCompile(`^db\.([a-z0-9]+)\.supabase\.co$`)
	poolerHost    = regexp.MustCompile(`\.pooler\.supabase\.com$`)
	poolerUser    = regexp.MustCompile(`^[A-Za-z0-9_]+\.([a-z0-9]+)$`)
)

// supabaseKeys reads the project out of the address of its keys.
func supabaseKeys(uri string) (project string, ok bool) {
	m := keysOfProject.FindStringSubmatch(uri)
	if m == nil {
		return "", false
	}
	return m[1], true
}

// supabase takes what client_auth says of Supabase, and returns the project of the replicated database, if there is one.
func (r *reader) supabase(c Node) string {
	project := r.project()
	wanted, err := c.Under("supabase").Bool()
	if err != nil {
		r.fault(c.Under("supabase"), Invalid, "client_auth.supabase", "%v", err)
		return project
	}
	secret, err := c.Under("supabase_jwt_secret").Text()
	switch {
	case err != nil:
		r.fault(c.Under("supabase_jwt_secret"), Invalid, "client_auth.supabase_jwt_secret", "%v", err)
		return project
	case secret != "" && len(secret) < 32:
		r.fault(c.Under("supabase_jwt_secret"), Invalid, "client_auth.supabase_jwt_secret", "shorter than the 32 bytes that HS256 needs")
		return project
	}
	empty := c.Under("jwks_uri").Missing() && c.Under("jwks").Missing() && c.Under("supabase").Missing() && secret == ""
	switch {
	case empty && project != "":
		r.note(r.root.Under("replication"), SupabaseInferred, "client_auth", "names no keys, and the database is that of a Supabase project, so its tokens are believed")
		r.useSupabase(project)
	case wanted && project == "" && secret == "":
		r.fault(c.Under("supabase"), Missing, "client_auth.supabase", "the database does not tell which project; use preset supabase with project in place of service_yaml")
	case wanted || secret != "":
		r.useSupabase(project)
		if secret != "" {
			r.found.Supabase.HS256Secrets = []auth.Secret{auth.NewSecret(secret)}
			r.found.Supabase.Algorithms = append(r.found.Supabase.Algorithms, "HS256")
		}
	}
	return project
}

// useSupabase makes the circle of a project. Without one there is only what its legacy secret signs.
func (r *reader) useSupabase(project string) {
	if r.found.Supabase != nil && len(r.found.Supabase.JWKSURLs) > 0 {
		return
	}
	o := auth.Options{Audiences: []string{"authenticated"}, MaxLifetime: auth.SupabaseLifetime}
	if project != "" {
		preset, _ := auth.FindPreset("supabase")
		var err error
		if o, err = preset.Options(map[string][]string{"project": {project}}); err != nil {
			r.fault(Node{}, Invalid, "client_auth.supabase", "the database names no usable project")
			return
		}
		o.Algorithms = slices.Clone(o.Algorithms)
	}
	if had := r.found.Supabase; had != nil {
		o.HS256Secrets, o.Algorithms = had.HS256Secrets, append(o.Algorithms, had.Algorithms...)
	}
	r.found.Supabase = &o
}

// project is the Supabase project of the replicated databases, empty unless there is exactly one.
func (r *reader) project() string {
	var projects []string
	for _, connection := range r.root.Under("replication", "connections").Items() {
		host, _ := connection.Under("hostname").Text()
		user, _ := connection.Under("username").Text()
		if text, _ := connection.Under("uri").Text(); text != "" {
			if u, err := url.Parse(text); err == nil {
				host, user = u.Hostname(), u.User.Username()
			}
		}
		if m := hostOfProject.FindStringSubmatch(strings.ToLower(host)); m != nil {
			projects = append(projects, m[1])
		} else if m := poolerUser.FindStringSubmatch(user); m != nil && poolerHost.MatchString(host) {
			projects = append(projects, m[1])
		}
	}
	slices.Sort(projects)
	if projects = slices.Compact(projects); len(projects) == 1 {
		return projects[0]
	}
	return ""
}
