package mysql

import (
	"testing"

	"writegate"
)

// TestIncomparable tells columns that no lookup can find rows by from those that one can.
func TestIncomparable(t *testing.T) {
	engines(t, func(t *testing.T, e *engine) {
		name := e.database(t, "CREATE TABLE places (id int PRIMARY KEY, spot point, tags set('a', 'b'), doc json, hash binary(4), label text, price double)")
		schema, err := open(t, e.config(name)).Schema(t.Context(), []writegate.TableRef{{Name: "places"}})
		if err != nil {
			t.Fatal(err)
		}
		for column, want := range map[string]bool{"id": false, "spot": true, "tags": true, "doc": true, "hash": false, "label": false, "price": false} {
			if got := schema["places"].Column(column).Incomparable; got != want {
				t.Errorf("%s: %v", column, got)
			}
		}
	})
}
