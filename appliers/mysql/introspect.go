package mysql

import (
	"cmp"
	"context"
	"fmt"
	"strings"
)

// catalogTable is what the server says about one table. Name is as it writes it; Kind is empty when there is none.
type catalogTable struct {
	Schema, Name, Kind, Engine string

	columns    []catalogColumn
	indexes    []catalogIndex
	references []catalogReference
	referrers  []catalogReferrer
	triggers   []string          // events
	documents  map[string]string // checks that hold a column to JSON, and their clauses
	spatial    map[string]int64  // the one spatial reference system of a column
}

// catalogColumn describes a column. Numbers are -1 where the server has null.
type catalogColumn struct {
	Name, Data, Native, Extra    string
	Nullable, Default, Generated bool
	Length, Octets               int64
	Precision, Scale, Fraction   int
	Charset, Collation           string
}

// catalogIndex is a column of an index. It is not whole when only its beginning is indexed, and has no name when an
// expression is. The server does not go by a hidden index.
type catalogIndex struct {
	Index, Column, Kind   string
	Unique, Whole, Hidden bool
}

// catalogReference is a column of a foreign key of the table.
type catalogReference struct{ Constraint, Column string }

// catalogReferrer is a foreign key that points to the table, with a column that it points to.
type catalogReferrer struct{ Constraint, Column, OnDelete, OnUpdate string }

// question is a SELECT about a table. %[1]s is its schema and %[2]s its name; the first column is the name, which the
// server may have compared more loosely than it keeps tables apart.
type question struct {
	sql  string
	into []any
	take func()
}

func (c *catalogTable) questions(mariadb bool) []question {
	var column catalogColumn
	var index catalogIndex
	var reference catalogReference
	var referrer catalogReferrer
	var event, name, clause string
	var srid int64
	last := question{
		`SELECT TABLE_NAME, COLUMN_NAME, SRS_ID FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = %[1]s AND TABLE_NAME = %[2]s AND SRS_ID IS NOT NULL`,
		[]any{&name, &srid},
		func() { c.spatial[name] = srid },
	}
	// MariaDB opens every table of every database to answer who refers to a table, unless told where to look.
	near, hidden := "", "IS_VISIBLE = 'NO'"
	if mariadb { // JSON is text with a check there
		hidden = "IGNORED = 'YES'"
		near = " AND r.CONSTRAINT_SCHEMA = %[1]s AND k.CONSTRAINT_SCHEMA = %[1]s AND k.TABLE_SCHEMA = %[1]s"
		last = question{
			`SELECT TABLE_NAME, CONSTRAINT_NAME, CHECK_CLAUSE FROM information_schema.CHECK_CONSTRAINTS WHERE CONSTRAINT_SCHEMA = %[1]s AND TABLE_NAME = %[2]s`,
			[]any{&name, &clause},
			func() { c.documents[name] = clause },
		}
	}
	return []question{
		{
			`SELECT TABLE_NAME, TABLE_SCHEMA, TABLE_TYPE, COALESCE(ENGINE, '') FROM information_schema.TABLES WHERE TABLE_SCHEMA = %[1]s AND TABLE_NAME = %[2]s`,
			[]any{&c.Schema, &c.Kind, &c.Engine},
			func() {},
		},
		{
			`SELECT TABLE_NAME, COLUMN_NAME, DATA_TYPE, COLUMN_TYPE, EXTRA, IS_NULLABLE = 'YES', COLUMN_DEFAULT IS NOT NULL AND COLUMN_DEFAULT <> 'NULL',
			COALESCE(GENERATION_EXPRESSION, '') <> '', COALESCE(CHARACTER_MAXIMUM_LENGTH, -1), COALESCE(CHARACTER_OCTET_LENGTH, -1), COALESCE(NUMERIC_PRECISION, -1),
			COALESCE(NUMERIC_SCALE, -1), COALESCE(DATETIME_PRECISION, -1), COALESCE(CHARACTER_SET_NAME, ''), COALESCE(COLLATION_NAME, '')
			FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = %[1]s AND TABLE_NAME = %[2]s ORDER BY ORDINAL_POSITION`,
			[]any{
				&column.Name, &column.Data, &column.Native, &column.Extra, &column.Nullable, &column.Default, &column.Generated, &column.Length, &column.Octets,
				&column.Precision, &column.Scale, &column.Fraction, &column.Charset, &column.Collation,
			},
			func() { c.columns = append(c.columns, column) },
		},
		{
			`SELECT TABLE_NAME, INDEX_NAME, COALESCE(COLUMN_NAME, ''), INDEX_TYPE, NON_UNIQUE = 0, COLUMN_NAME IS NOT NULL AND SUB_PART IS NULL, ` + hidden + `
			FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = %[1]s AND TABLE_NAME = %[2]s ORDER BY INDEX_NAME, SEQ_IN_INDEX`,
			[]any{&index.Index, &index.Column, &index.Kind, &index.Unique, &index.Whole, &index.Hidden},
			func() { c.indexes = append(c.indexes, index) },
		},
		{
			`SELECT TABLE_NAME, CONSTRAINT_NAME, COLUMN_NAME FROM information_schema.KEY_COLUMN_USAGE
			WHERE TABLE_SCHEMA = %[1]s AND TABLE_NAME = %[2]s AND REFERENCED_TABLE_NAME IS NOT NULL ORDER BY CONSTRAINT_NAME, ORDINAL_POSITION`,
			[]any{&reference.Constraint, &reference.Column},
			func() { c.references = append(c.references, reference) },
		},
		{
			`SELECT k.REFERENCED_TABLE_NAME, r.CONSTRAINT_NAME, k.REFERENCED_COLUMN_NAME, r.DELETE_RULE, r.UPDATE_RULE
			FROM information_schema.REFERENTIAL_CONSTRAINTS r JOIN information_schema.KEY_COLUMN_USAGE k
			ON k.CONSTRAINT_SCHEMA = r.CONSTRAINT_SCHEMA AND k.CONSTRAINT_NAME = r.CONSTRAINT_NAME AND k.TABLE_NAME = r.TABLE_NAME
			WHERE r.UNIQUE_CONSTRAINT_SCHEMA = %[1]s AND r.REFERENCED_TABLE_NAME = %[2]s` + near,
			[]any{&referrer.Constraint, &referrer.Column, &referrer.OnDelete, &referrer.OnUpdate},
			func() { c.referrers = append(c.referrers, referrer) },
		},
		{
			`SELECT EVENT_OBJECT_TABLE, EVENT_MANIPULATION FROM information_schema.TRIGGERS WHERE EVENT_OBJECT_SCHEMA = %[1]s AND EVENT_OBJECT_TABLE = %[2]s`,
			[]any{&event},
			func() { c.triggers = append(c.triggers, event) },
		},
		last,
	}
}

// readTable asks for one table in one round trip.
func (db *DB) readTable(ctx context.Context, schema, name string) (*catalogTable, error) {
	c := &catalogTable{documents: map[string]string{}, spatial: map[string]int64{}}
	questions := c.questions(db.server.mariadb)
	texts := make([]string, len(questions))
	for i, q := range questions {
		texts[i] = fmt.Sprintf(q.sql, textLiteral(schema), textLiteral(name))
	}
	rows, err := db.pool.QueryContext(ctx, strings.Join(texts, separator))
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	for i, q := range questions {
		if i > 0 && !rows.NextResultSet() {
			return nil, cmp.Or(rows.Err(), errResults)
		}
		for rows.Next() {
			var found string
			if err := rows.Scan(append([]any{&found}, q.into...)...); err != nil {
				return nil, err
			}
			if found == name || db.server.folds && strings.EqualFold(found, name) {
				c.Name = found
				q.take()
			}
		}
		if err := rows.Err(); err != nil {
			return nil, err
		}
	}
	return c, nil
}
