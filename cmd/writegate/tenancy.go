package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"writegate"
	"writegate/configs"
)

// tenancy is where the tables of a caller are that no route gives a database.
type tenancy struct {
	database string // by name
	schema   string // empty for that of the login
}

// tenants tells the tenancy of callers.
type tenants struct {
	routes configs.Routes
	allow  *regexp.Regexp // of a schema's name, nil when the configuration has no such route
}

func newTenants(routes configs.Routes) (*tenants, error) {
	t := &tenants{routes: routes}
	if len(routes.Schema.Claim) > 0 {
		var err error
		if t.allow, err = regexp.Compile(`\A(?:` + routes.Schema.Allow + `)\z`); err != nil {
			return nil, fmt.Errorf("routes.schema.allow: %w", err)
		}
	}
	return t, nil
}

// several reports whether not all callers have the same tables.
func (t *tenants) several() bool { return len(t.routes.Tenants.Claim) > 0 || t.allow != nil }

// databases names those that a tenancy can be in, sorted.
func (t *tenants) databases() []string {
	if len(t.routes.Tenants.Claim) == 0 {
		return []string{configs.MainDatabase}
	}
	return slices.Compact(slices.Sorted(maps.Values(t.routes.Tenants.Databases)))
}

// of returns the tenancy of a caller. One that has none is an [*writegate.Error] of class Forbidden.
func (t *tenants) of(caller writegate.Caller) (tenancy, error) {
	where := tenancy{database: configs.MainDatabase}
	if path := t.routes.Tenants.Claim; len(path) > 0 {
		database, known := t.routes.Tenants.Databases[claim(caller, path)]
		if !known {
			return where, outsider("tenant.unknown", path)
		}
		where.database = database
	}
	if t.allow != nil {
		path := t.routes.Schema.Claim
		where.schema = claim(caller, path)
		if where.schema == "" || strings.Contains(where.schema, ".") || !t.allow.MatchString(where.schema) {
			return where, outsider("tenant.schema", path)
		}
	}
	return where, nil
}

func outsider(reason string, path []string) error {
	return &writegate.Error{
		Class: writegate.Forbidden, Code: writegate.Unauthorized, Reason: reason,
		Message: fmt.Sprintf("The claim %s of the token names no tenant that can write here.", strings.Join(path, "/")),
	}
}

// claim returns a text or a number that a token says, empty when it says neither.
func claim(caller writegate.Caller, path []string) string {
	var at any = caller.Claims
	for _, step := range path {
		object, ok := at.(map[string]any)
		if !ok {
			return ""
		}
		at = object[step]
	}
	switch v := at.(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	}
	return ""
}
