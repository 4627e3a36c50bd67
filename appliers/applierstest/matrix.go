package applierstest

import (
	"context"
	"testing"

	"writegate"
)

// TypeHarness says how [TypeMatrix] gets at one database. Either Applier, Make and Raw are set, or, for a
// database whose server is not at hand, Golden alone.
type TypeHarness struct {
	// Name marks the driver's section of the page, Title is its heading.
	Name, Title string
	// Version is what the server says it is, such as "MySQL 9.7.4". The page has it, but another one is no difference.
	Version string
	// Page is the page. Empty means ../../docs/types.md.
	Page string
	// Update writes what was seen into the page, instead of comparing.
	Update bool
	// Applier is what is tested. All tables are made in its database.
	Applier SnapshotApplier
	// Make makes an empty table with a text key named id and a nullable column named v of the case's type, and
	// returns what the configuration says of it. The name must be one that no other call returns.
	Make func(t *testing.T, c TypeCase) writegate.TableRef
	// Raw reads the column v of one row without the applier, as the text that the database itself shows for the
	// value. It is nil for null; found is false when there is no such row.
	Raw func(t *testing.T, table writegate.TableRef, id string) (text *string, found bool)
	// Golden stands for the database where there is none.
	Golden *Golden
}

// SnapshotApplier is an applier that can also say what the sync service would send down.
type SnapshotApplier interface {
	writegate.Applier
	// Snapshot yields every row of tables that Schema has described: its id, and a JSON object of its columns.
	// A column that can't be synced is left out.
	Snapshot(ctx context.Context, tables []string, yield func(table, id string, data []byte) error) error
}

// Golden shows what a driver would send to a database that nobody has started.
type Golden struct {
	// Column is the column that the driver makes for the case's type.
	Column func(t *testing.T, c TypeCase) *writegate.Column
	// Sent is the text of the parameter, or of the expression, that carries a stored value in a statement.
	Sent func(t *testing.T, column *writegate.Column, stored any) string
}

// TypeCase is one native type: what it takes, what is stored, what it refuses.
type TypeCase struct {
	// Native is the type as the table's definition has it, such as "numeric(10,2)" or "bigint unsigned".
	Native string
	// Setup are statements that run before the table is made, such as the definition of an enum.
	Setup []string
	// Column is what the configuration says about the column.
	Column writegate.ColumnRef
	// Note goes to the page.
	Note string
	// Dropped says that the database makes the value itself, so that what a client sends is left out.
	Dropped bool
	// OneWay says why what the service sends down for some accepted value can't be sent back. Without it, each
	// value that the service sends must store the value that was there.
	OneWay  string
	Accepts []Accept
	Refuses []Refuse
}

// Accept is a value that a client may send.
type Accept struct {
	// Wire is a wire value, or a Go integer or float that stands for the [json.Number] of its shortest text.
	Wire any
	// Stored is the text that the database itself shows for it; with [Golden], what is sent.
	Stored string
	// Value is what Convert must make of it, of exactly this Go type. Nil leaves that open.
	Value any
	// Respelled says that only the database knows how it writes this value, so that the value that is loaded
	// need not be equal to the one that was converted.
	Respelled bool
	// OneWay is the OneWay of this value only.
	OneWay string
}

// Refuse is a value that must not be stored.
type Refuse struct {
	Wire any
	// Code is what the client is told. Empty means INVALID_DATA.
	Code writegate.Code
	// Says is a part of what the client is told. Empty leaves that open.
	Says string
}

// TypeMatrix proves each case in both directions and holds the driver's section of the page to what it saw.
func TypeMatrix(t *testing.T, h TypeHarness, cases []TypeCase) {
	t.Helper()
	seen := make([]*typeSeen, len(cases))
	for i, c := range cases {
		t.Run(c.Native, func(t *testing.T) {
			m := &typeRun{TypeHarness: h, t: t, c: c, seen: &typeSeen{c: c}}
			if h.Golden != nil {
				m.golden()
			} else {
				m.live()
			}
			if !t.Failed() {
				seen[i] = m.seen
			}
		})
	}
	p := page{path: h.Page, name: h.Name, update: h.Update}
	if p.path == "" {
		p.path = typesPage
	}
	for i := range seen {
		if seen[i] == nil {
			t.Logf("the section %s of %s is not looked at: not every case ran and passed", h.Name, p.path)
			return
		}
	}
	p.hold(t, typesSection(h, seen))
}

const typesPage = "../../docs/types.md"

// typeSeen is what a case showed, for the page.
type typeSeen struct {
	c        TypeCase
	kind     writegate.Type
	accepted []typeRow
	refused  []typeRow
}

// typeRow is one line of the page. Down is empty for what the service does not send.
type typeRow struct {
	sent, stored, down string
}
