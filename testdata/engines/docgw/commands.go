package main

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"go.mongodb.org/mongo-driver/v2/bson"
)

// statements are the commands that one call of a function of documentdb answers. $1 is the database, $2 the command,
// $3 the name of the collection, $4 the documents sent beside the command, $5 the id of a retryable write, under
// which documentdb remembers the answer.
var statements = map[string]statement{
	"insert":        {"select p_result::bytea from documentdb_api.insert($1, $2::bytea::documentdb_core.bson, $3::bytea::documentdb_core.bsonsequence, $4)", write},
	"update":        {"select p_result::bytea from documentdb_api.update($1, $2::bytea::documentdb_core.bson, $3::bytea::documentdb_core.bsonsequence, $4)", write},
	"delete":        {"select p_result::bytea from documentdb_api.delete($1, $2::bytea::documentdb_core.bson, $3::bytea::documentdb_core.bsonsequence, $4)", write},
	"findAndModify": {"select p_result::bytea from documentdb_api.find_and_modify($1, $2::bytea::documentdb_core.bson, $3)", modify},
	"findandmodify": {"select p_result::bytea from documentdb_api.find_and_modify($1, $2::bytea::documentdb_core.bson, $3)", modify},
	"count":         {"select document::bytea from documentdb_api.count_query($1, $2::bytea::documentdb_core.bson)", inDatabase},
	"distinct":      {"select document::bytea from documentdb_api.distinct_query($1, $2::bytea::documentdb_core.bson)", inDatabase},
	"create":        {"select documentdb_api.create_collection_view($1, $2::bytea::documentdb_core.bson)::bytea", inDatabase},
	"createIndexes": {"select documentdb_api_internal.create_indexes_non_concurrently($1, $2::bytea::documentdb_core.bson, true)::bytea", inDatabase},
	"collMod":       {"select documentdb_api.coll_mod($1, $3, $2::bytea::documentdb_core.bson)::bytea", onCollection},
	"listDatabases": {"select documentdb_api.list_databases($1::bytea::documentdb_core.bson)::bytea", alone},
}

type statement struct {
	sql  string
	args func(call) []any
}

// call is a command with all that a statement may want of it.
type call struct {
	database, collection string
	spec, sequence       []byte
	// retry is nil or the id of a retryable write.
	retry any
}

func write(c call) []any        { return []any{c.database, c.spec, c.sequence, c.retry} }
func modify(c call) []any       { return []any{c.database, c.spec, c.retry} }
func inDatabase(c call) []any   { return []any{c.database, c.spec} }
func onCollection(c call) []any { return []any{c.database, c.spec, c.collection} }
func alone(c call) []any        { return []any{c.spec} }

// querier is the pool or a transaction.
type querier interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// execute runs a command in the transaction, or by itself when there is none.
func (s *server) execute(ctx context.Context, t *transaction, name string, m *message) ([]byte, error) {
	c := call{spec: withoutSession(m.command), sequence: m.sequence}
	c.database, _ = m.command.Lookup("$db").StringValueOK()
	first, _ := m.command.Index(0).Value().StringValueOK()
	c.collection = first
	var db querier = s.pool
	if t != nil {
		db = t.tx
	} else if _, session, ok := m.command.Lookup("lsid", "id").BinaryOK(); ok {
		if number, ok := m.command.Lookup("txnNumber").AsInt64OK(); ok {
			c.retry = fmt.Sprintf("%x:%d", session, number)
		}
	}
	if st, ok := statements[name]; ok {
		var answer []byte
		if err := db.QueryRow(ctx, st.sql, st.args(c)...).Scan(&answer); err != nil {
			return nil, err
		}
		return translateWriteErrors(answer)
	}
	if function, ok := firstPages[name]; ok {
		return s.firstPage(ctx, t, function, c)
	}
	var done any
	switch name {
	case "getMore":
		id, _ := m.command.Index(0).Value().AsInt64OK()
		return s.getMore(ctx, t, id, c)
	case "drop":
		err := db.QueryRow(ctx, "select documentdb_api.drop_collection($1, $2)", c.database, c.collection).Scan(&done)
		return okay(), err
	case "dropIndexes":
		err := db.QueryRow(ctx, "call documentdb_api.drop_indexes($1, $2::bytea::documentdb_core.bson, null)", c.database, c.spec).Scan(&done)
		return okay(), err
	case "dropDatabase":
		err := db.QueryRow(ctx, "select true from documentdb_api.drop_database($1)", c.database).Scan(&done)
		return okay(bson.E{Key: "dropped", Value: c.database}), err
	}
	return nil, newError(codeNoSuchCommand, "no such command: '"+name+"'")
}

// sessionFields are for docgw; documentdb does not take them.
var sessionFields = map[string]bool{
	"lsid": true, "$clusterTime": true, "txnNumber": true, "startTransaction": true, "autocommit": true, "writeConcern": true, "readConcern": true,
	"$readPreference": true, "apiVersion": true, "apiStrict": true, "apiDeprecationErrors": true, "$db": true,
}

// withoutSession is the command as documentdb takes it.
func withoutSession(command bson.Raw) []byte {
	var d bson.D
	elements, _ := command.Elements() // readMessage has validated it
	for _, e := range elements {
		if !sessionFields[e.Key()] {
			d = append(d, bson.E{Key: e.Key(), Value: e.Value()})
		}
	}
	return encode(d)
}
