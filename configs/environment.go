package configs

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"

	"writegate/internal/fault"
)

// variable is one of the environment that stands for a key of the file. Several of one key make a list.
type variable struct {
	name, key string
	// value makes what the key is of what the variable is; nil takes it as it is.
	value func(text string) string
	// usual is what counts when the variable is not set.
	usual string
	// list says that the variable is several values with commas between.
	list bool
}

// variables are those of the vendor's demo backend, then those that its reference backend adds. The sections of the file
// stand together.
var variables = []variable{
	{name: "PORT", key: "server.addr", usual: "6060", value: func(port string) string { return ":" + port }},
	{name: "WRITEGATE_METRICS_ADDR", key: "server.metrics_addr"},
	{name: "BATCH_ON_FATAL_ERROR", key: "server.on_refusal"},
	{name: "DATABASE_TYPE", key: "database.driver", usual: "postgres", value: driverOf},
	{name: "DATABASE_URI", key: "database.dsn"},
	{name: "POWERSYNC_PRIVATE_KEY", key: "auth.key"},
	{name: "POWERSYNC_URL", key: "auth.audience", value: withoutSlash},
	{name: "AUTH_AUDIENCE", key: "auth.audience", list: true},
	{name: "AUTH_SUPABASE_URL", key: "auth.audience", value: func(string) string { return "authenticated" }},
	{name: "AUTH_ISSUER", key: "auth.issuer"},
	{name: "AUTH_SUPABASE_URL", key: "auth.issuer", value: func(url string) string { return withoutSlash(url) + "/auth/v1" }},
	{name: "AUTH_JWKS_URI", key: "auth.jwks_uri"},
	{name: "AUTH_SUPABASE_URL", key: "auth.jwks_uri", value: func(url string) string { return withoutSlash(url) + "/auth/v1/.well-known/jwks.json" }},
	// The longest that Supabase lets a token live, and what the sync service adds to it.
	{name: "AUTH_SUPABASE_URL", key: "auth.max_lifetime", value: func(string) string { return "168h20m" }},
	{name: "POWERSYNC_URL", key: "issue.url", value: withoutSlash},
	{name: "JWT_ISSUER", key: "issue.issuer"},
	{name: "WRITEGATE_POLICY", key: "policy", usual: "policy.yaml"},
}

// driverOf is what the vendor's backends call a driver.
func driverOf(name string) string {
	if name == "mssql" {
		return "sqlserver"
	}
	return name
}

func withoutSlash(url string) string { return strings.TrimSuffix(url, "/") }

// FromEnvironment makes a configuration of the variables that the vendor's demo and reference backends have. Tokens are
// issued where a key, the address of the sync service and somebody else's keys are given. Paths are relative to the working
// folder. The error is of type [Faults], each with the variable as its Path.
func FromEnvironment() (*Config, error) { return fromEnvironment(os.LookupEnv) }

func fromEnvironment(env func(string) (string, bool)) (*Config, error) {
	given := func(name string) bool { text, _ := env(name); return text != "" }
	issues := given("POWERSYNC_PRIVATE_KEY") && given("POWERSYNC_URL") && (given("AUTH_JWKS_URI") || given("AUTH_SUPABASE_URL"))
	values := map[string][]string{}
	var keys []string
	for _, v := range variables {
		text, _ := env(v.name)
		if text == "" {
			text = v.usual
		}
		if text == "" || strings.HasPrefix(v.key, "issue.") && !issues {
			continue
		}
		if values[v.key] == nil {
			keys = append(keys, v.key)
		}
		values[v.key] = append(values[v.key], v.texts(text)...)
	}
	c, d := parse("environment", document(keys, values), func(string) (string, bool) { return "", false })
	if len(d.faults) > 0 {
		return nil, ofVariables(d.faults)
	}
	return c, nil
}

// texts are the values of the key.
func (v variable) texts(text string) []string {
	all := []string{text}
	if v.list {
		all = strings.Split(text, ",")
	}
	for i := range all {
		if all[i] = strings.TrimSpace(all[i]); v.value != nil {
			all[i] = v.value(all[i])
		}
	}
	return all
}

// document writes the file that has these values and nothing else.
func document(keys []string, values map[string][]string) []byte {
	var out strings.Builder
	last := ""
	for _, key := range keys {
		section, name, nested := strings.Cut(key, ".")
		if nested && section != last {
			fmt.Fprintf(&out, "%s:\n", section)
		}
		last = section
		quoted := make([]string, len(values[key]))
		for i, text := range values[key] {
			// JSON is YAML, and what is ${ here is not to be looked up again.
			line, _ := json.Marshal(strings.ReplaceAll(text, "${", "$${")) // a text always has a JSON form
			quoted[i] = string(line)
		}
		text := strings.Join(quoted, ", ")
		if len(quoted) > 1 {
			text = "[" + text + "]"
		}
		if nested {
			fmt.Fprintf(&out, "  %s: %s\n", name, text)
		} else {
			fmt.Fprintf(&out, "%s: %s\n", key, text)
		}
	}
	return []byte(out.String())
}

// ofVariables says which variable each fault is about, where one is.
func ofVariables(fs Faults) Faults {
	fault.Sort(fs)
	for i, f := range fs {
		fs[i].Line, fs[i].Column = 0, 0
		switch f.Path {
		case "auth":
			fs[i].Path, fs[i].Message = "POWERSYNC_PRIVATE_KEY", "required: the key that signs tokens; or else AUTH_JWKS_URI or AUTH_SUPABASE_URL, whose tokens are believed"
			continue
		case "database.dsn":
			fs[i].Message = "required: the address of the database"
		case "server.addr":
			fs[i].Message = "must be a port from 0 to 65535"
		case "database.driver":
			fs[i].Message = "must be one of postgres, mongodb, mysql, mssql, sqlite"
		}
		var names []string
		for _, v := range variables {
			if within(f.Path, v.key) && !slices.Contains(names, v.name) {
				names = append(names, v.name)
			}
		}
		if names != nil {
			fs[i].Path = strings.Join(names, " or ")
		}
	}
	return fs
}
