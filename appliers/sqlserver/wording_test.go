package sqlserver

import (
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	mssql "github.com/microsoft/go-mssqldb"

	"writegate"
)

// TestMentioned has messages of SQL Server, and of PostgreSQL under SQL Server's numbers, with values that look like
// names.
func TestMentioned(t *testing.T) {
	for _, c := range []struct {
		number  int32
		message string
		want    mention
	}{
		{2627, duplicateKey, mention{name: "PK_todos", table: "app.todos"}},
		{2601, duplicateOther, mention{name: "UX_title", table: "app.todos"}},
		{2627, "Violation of UNIQUE KEY constraint 'UX'. Cannot insert duplicate key in object 'app.lists'. The duplicate key value is (constraint 'PK_lists'. Cannot insert duplicate key in object 'app.todos'. The duplicate key value is (x)).", mention{name: "UX", table: "app.lists"}},
		{2627, "Violation of UNIQUE KEY constraint 'UX'. Cannot insert duplicate key in object 'app.lists'. The duplicate key value is (a\n\"PK\").", mention{name: "UX", table: "app.lists"}},
		{2627, "Violation of UNIQUE KEY constraint 'UX'. Cannot insert duplicate key in object 'app.lists'.", mention{name: "UX", table: "app.lists"}},
		{2627, `duplicate key value violates unique constraint "lists_pkey"`, mention{name: "lists_pkey"}},
		{2627, `duplicate key value violates unique constraint "li"sts"`, mention{name: `li"sts`}},
		{2627, `a value says: duplicate key value violates unique constraint "lists_pkey"`, mention{}},
		{547, `The INSERT statement conflicted with the FOREIGN KEY constraint "FK_list". The conflict occurred in database "shop", table "app.lists", column 'id'.`, mention{name: "FK_list"}},
		{547, `The MERGE statement conflicted with the FOREIGN KEY SAME TABLE constraint "FK". The conflict occurred in database "CHECK constraint "CK"."`, mention{name: "FK"}},
		{547, `insert or update on table "todos" violates foreign key constraint "todos_list_id_fkey"`, mention{name: "todos_list_id_fkey", table: "todos"}},
		{547, `update or delete on table "lists" violates foreign key constraint "fk_list" on table "todos"`, mention{name: "fk_list", table: "lists", by: "todos"}},
		{547, `update or delete on table "lists" violates RESTRICT setting of foreign key constraint "fk_list" on table "todos"`, mention{name: "fk_list", table: "lists", by: "todos"}},
		{547, `new row for relation "t" violates check constraint "ck"`, mention{name: "ck", table: "t"}},
		{515, "Cannot insert the value NULL into column 'name', table 'shop.app.lists'; column does not allow nulls. INSERT fails.", mention{name: "name", table: "shop.app.lists"}},
		{515, `null value in column "name" of relation "t" violates not-null constraint`, mention{name: "name", table: "t"}},
		{2628, "String or binary data would be truncated in table 'shop.app.lists', column 'owner'. Truncated value: ' in table 'shop.app.lists', column 'name'.'.", mention{name: "owner", table: "shop.app.lists"}},
		{8152, "value too long for type character varying(10)", mention{}},
		{50000, duplicateKey, mention{}},
	} {
		if diff := cmp.Diff(c.want, mentioned(c.number, c.message), cmp.AllowUnexported(mention{})); diff != "" {
			t.Errorf("%d %s\n%s", c.number, c.message, diff)
		}
	}
}

// TestNamesOfBabelfish has names that Babelfish is reported to have made.
func TestNamesOfBabelfish(t *testing.T) {
	for want, of := range map[string][2]string{
		"ix1t1a5111d2a1767bc43a700e9f2162be019":                           {"ix1", "t1"},
		"ix_estoque_empresa_codigoestoquab8ae8734a5c39898c705577384d1f72": {"IX_ESTOQUE_EMPRESA_CODIGO", "ESTOQUE_EMPRESA"},
	} {
		if got := indexName(of[0], of[1]); got != want {
			t.Errorf("%s of %s is %s, want %s", of[0], of[1], got, want)
		}
	}
}

func TestMeantNames(t *testing.T) {
	table := &writegate.Table{Name: "todos", Source: "app.Todos", Driver: &table{seek: true}}
	made := indexName("UX_title", "Todos")
	for name, c := range map[string]struct {
		said  mention
		known []string
		want  string
	}{
		"letter for letter":          {mention{name: "ux"}, []string{"UX", "ux"}, "ux"},
		"but for case":               {mention{name: "ux_title"}, []string{"UX_title", "UX"}, "UX_title"},
		"but for case, of two":       {mention{name: "Ux"}, []string{"UX", "ux"}, ""},
		"unknown":                    {mention{name: "UX_titl"}, []string{"UX_title"}, ""},
		"made by Babelfish":          {mention{name: made}, []string{"UX", "UX_title"}, "UX_title"},
		"made, another hash":         {mention{name: made[:len(made)-1] + "g"}, []string{"UX_title"}, ""},
		"made, only the start":       {mention{name: "ux_titletodos"}, []string{"UX_title"}, ""},
		"made for the other table":   {mention{name: indexName("FK", "items"), table: "todos", by: "items"}, []string{"FK"}, "FK"},
		"made for any other table":   {mention{name: indexName("FK", "items"), table: "todos"}, []string{"FK"}, ""},
		"of another table":           {mention{name: "UX_title", table: "app.audit"}, []string{"UX_title"}, ""},
		"of another schema":          {mention{name: "UX_title", table: "dbo.todos"}, []string{"UX_title"}, ""},
		"with schema and database":   {mention{name: "UX_title", table: "shop.app.todos"}, []string{"UX_title"}, "UX_title"},
		"a table without its schema": {mention{name: "UX_title", table: "todos"}, []string{"UX_title"}, "UX_title"},
		"nothing":                    {mention{}, []string{""}, ""},
	} {
		if got := c.said.of(table, slices.Values(c.known)); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func TestStates(t *testing.T) {
	number := func(state string) (n int32) {
		for i := range state {
			n |= int32(state[i]-'0') << (6 * i)
		}
		return n
	}
	if number("23514") != 67391682 {
		t.Fatal("the number of a check is another one than Babelfish is reported to send")
	}
	for state, class := range map[string]writegate.Class{
		"23514": writegate.Refused, "22P02": writegate.Refused, "P0001": writegate.Refused, "40001": writegate.Rerun, "55P03": writegate.Retry,
		"57P01": writegate.Retry, "08006": writegate.Retry, "42501": writegate.Operator, "42P01": writegate.Operator, "XX001": writegate.Operator,
	} {
		e := mssql.Error{Number: number(state), ServerName: babelfishName}
		if got := verdictAt(&e); got.class != class {
			t.Errorf("%s (%d) is %v, want %v", state, e.Number, got.class, class)
		}
		e.ServerName = "sql1"
		if got := verdictAt(&e); got != raised {
			t.Errorf("%d of SQL Server is %v", e.Number, got)
		}
	}
	if e := (mssql.Error{Number: 51000, ServerName: babelfishName}); verdictAt(&e) != raised {
		t.Error("what code in the database raises is not the code's word")
	}
}

// TestRefusalsOfBabelfish sends messages of PostgreSQL, with lines that lead to the wrong statement. Without Blame nobody
// is to blame where there are several.
func TestRefusalsOfBabelfish(t *testing.T) {
	refused := func(code writegate.Code, column, message string) told {
		return told{Class: writegate.Refused, Code: code, Message: message, Table: "todos", Column: column, Index: 1}
	}
	raceAt := told{Class: writegate.Rerun, Code: writegate.Conflict, Message: "The row changed in the meantime; the write is worth trying again.", Race: true, Index: 1}
	taken := "another row has this value already."
	for name, c := range map[string]struct {
		number    int
		text      string
		same, all int
		want      told
	}{
		"key":                {2627, `duplicate key value violates unique constraint "pk_todos"`, 1, 1, raceAt},
		"key, hashed":        {2627, `duplicate key value violates unique constraint "` + indexName("PK_todos", "todos") + `"`, 1, 1, raceAt},
		"key of a twin":      {2627, `duplicate key value violates unique constraint "pk_todos"`, 0, 1, refused(writegate.UniqueViolation, "id", "todos.id: the database takes the id for that of another row.")},
		"unique":             {2627, `duplicate key value violates unique constraint "ux_title"`, 1, 1, refused(writegate.UniqueViolation, "title", "todos.title: "+taken)},
		"unique, hashed":     {2601, `duplicate key value violates unique constraint "` + indexName("UX_title", "todos") + `"`, 1, 1, refused(writegate.UniqueViolation, "title", "todos.title: "+taken)},
		"unknown, a race":    {2627, `duplicate key value violates unique constraint "secret"`, 1, 1, raceAt},
		"unknown, no race":   {2627, `duplicate key value violates unique constraint "secret"`, 0, 0, refused(writegate.UniqueViolation, "", "todos: "+taken)},
		"unknown, a twin":    {2627, `duplicate key value violates unique constraint "secret"`, 0, 1, refused(writegate.UniqueViolation, "id", "todos.id: the database takes the id for that of another row.")},
		"our own":            {2627, `duplicate key value violates unique constraint "writegate_ledger_key"`, 0, 0, told{Class: writegate.Rerun, Code: writegate.Conflict, Message: "The write met another one; it is worth trying again.", Index: -2}},
		"foreign key":        {547, `insert or update on table "todos" violates foreign key constraint "fk_list"`, 0, 0, refused(writegate.ForeignKeyViolation, "list_id", "todos.list_id: the row it refers to does not exist.")},
		"check":              {547, `new row for relation "todos" violates check constraint "ck_rank"`, 0, 0, refused(writegate.CheckViolation, "rank", "todos.rank: does not meet a check of the database.")},
		"unknown constraint": {547, `new row for relation "audit" violates check constraint "ck_rank"`, 0, 0, refused(writegate.ConstraintViolation, "", "todos: does not meet a constraint of the database.")},
		"not null":           {515, `null value in column "title" of relation "todos" violates not-null constraint`, 0, 0, refused(writegate.NotNullViolation, "title", "todos.title: must not be null.")},
		"too long":           {8152, "value too long for type character varying(10)", 0, 0, refused(writegate.InvalidData, "", "todos: a value does not fit its column.")},
	} {
		t.Run(name, func(t *testing.T) {
			w := shop()
			w.babelfish = "4.2.0"
			p := newPeer(t, w.answer)
			db := opened(t, p)
			todos := schemaOf(t, db)["todos"]
			for _, line := range []int{0, 1, 2, 99} {
				w.change(func() {
					w.fail = map[string]reply{
						"COALESCE(SUM(":     {sets: []resultSet{result("ii", []any{c.same, c.all})}},
						"INSERT INTO [app]": {errors: []failure{{number: c.number, message: c.text, line: line, exactly: true}}, begins: 10},
					}
				})
				for _, blame := range []bool{true, false} {
					err := db.InTx(t.Context(), someone, func(tx writegate.Tx) error {
						if blame {
							tx.Blame()
						}
						return tx.Write(t.Context(), []writegate.Change{change(writegate.Remove, todos, "b", nil), change(writegate.Insert, todos, "a", nil)})
					})
					got := tell(err)
					switch {
					case blame || c.want.Index == -2:
						if diff := cmp.Diff(c.want, got); diff != "" {
							t.Errorf("line %d, blame %v: %v\n%s", line, blame, err, diff)
						}
					case got.Index != -1 || got.Race || got.Class != writegate.Refused:
						t.Errorf("line %d: %+v, want nobody to blame", line, got)
					}
				}
			}
		})
	}
}

// TestLookFails has the look for the row fail, after which nothing is refused.
func TestLookFails(t *testing.T) {
	w := shop()
	p := newPeer(t, w.answer)
	db := opened(t, p)
	todos := schemaOf(t, db)["todos"]
	w.change(func() {
		maps.Copy(w.fail, map[string]reply{
			"COALESCE(SUM(":     {drop: true},
			"INSERT INTO [app]": {errors: []failure{{number: 2627, message: `duplicate key value violates unique constraint "new"`}}, begins: 10},
		})
	})
	err := db.InTx(t.Context(), someone, func(tx writegate.Tx) error {
		return tx.Write(t.Context(), []writegate.Change{change(writegate.Insert, todos, "a", nil)})
	})
	if got := tell(err); got.Class != writegate.Retry {
		t.Errorf("%+v", got)
	}
}
