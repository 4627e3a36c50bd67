package mongodb

import (
	"context"
	"slices"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"

	"writegate"
	"writegate/internal/applier"
)

const codeNoCommand = 59

// privilege is a right to do things to a resource, as connectionStatus lists it.
type privilege struct {
	Resource struct {
		Database   *string `bson:"db"`
		Collection *string `bson:"collection"`
		Any        bool    `bson:"anyResource"`
	} `bson:"resource"`
	Actions []string `bson:"actions"`
}

func (p *privilege) covers(database, collection string) bool {
	matches := func(pattern *string, name string) bool { return pattern != nil && (*pattern == "" || *pattern == name) }
	return p.Resource.Any || matches(p.Resource.Database, database) && matches(p.Resource.Collection, collection)
}

// lacking lists which actions on a collection no privilege allows.
func lacking(privileges []privilege, database, collection string, actions ...string) []string {
	var lacks []string
	for _, action := range actions {
		allowed := slices.ContainsFunc(privileges, func(p privilege) bool {
			return p.covers(database, collection) && slices.Contains(p.Actions, action)
		})
		if !allowed {
			lacks = append(lacks, action)
		}
	}
	return lacks
}

// inspectPrivileges looks what the login may not do. A server without logins, or one that does not tell, lacks nothing.
func (db *DB) inspectPrivileges(ctx context.Context, _ *hello, schema writegate.Schema) ([]writegate.Finding, error) {
	var status struct {
		Info struct {
			Users      []bson.Raw  `bson:"authenticatedUsers"`
			Privileges []privilege `bson:"authenticatedUserPrivileges"`
		} `bson:"authInfo"`
	}
	ask := append(command("connectionStatus"), bson.E{Key: "showPrivileges", Value: true})
	err := db.client.Database("admin").RunCommand(ctx, ask).Decode(&status)
	if hasCode(err, codeNoCommand) || err == nil && len(status.Info.Users) == 0 {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return db.missingPrivileges(status.Info.Privileges, schema), nil
}

func (db *DB) missingPrivileges(privileges []privilege, schema writegate.Schema) []writegate.Finding {
	var all []writegate.Finding
	for _, table := range schema {
		c := driverOf(table)
		actions := []string{"find", "insert", "update", "remove"}
		if c.lookedUp {
			actions = actions[:1]
		}
		if lacks := lacking(privileges, c.database, c.name, actions...); len(lacks) > 0 {
			all = append(all, writegate.Finding{Fault: true, Table: table.Name, Message: "the login lacks privileges on the collection: " + strings.Join(lacks, ", ")})
		}
	}
	if db.cfg.bare() {
		return all
	}
	for _, own := range ownCollections {
		if lacks := lacking(privileges, db.own.Name(), own.name, "find", "insert", "update", "remove"); len(lacks) > 0 {
			all = append(all, applier.Faulty("the login lacks privileges on %s.%s: %s", db.own.Name(), own.name, strings.Join(lacks, ", ")))
		}
	}
	return all
}
