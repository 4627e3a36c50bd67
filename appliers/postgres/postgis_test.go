package postgres

import (
	"testing"

	"writegate"
	"writegate/appliers/applierstest"
)

const (
	pointHex  = "0101000020E6100000000000000000F03F0000000000000040" // SRID 4326, POINT(1 2)
	pointText = "SRID=4326;POINT(1 2)"
	pointJSON = `{"type":"Point","coordinates":[1,2]}`
)

// TestPostGIS proves what the extension adds, where the server has it.
func TestPostGIS(t *testing.T) {
	dsn := database(t)
	if scalar(t, dsn, "select count(*)::text from pg_available_extensions where name = 'postgis'") == "0" {
		t.Skip("the server has no PostGIS: install postgresql-15-postgis-3 or what goes with its version")
	}
	run(t, dsn, "create extension postgis")
	respelled := []accept{
		{Wire: pointText, Stored: pointHex, Respelled: true},
		{Wire: pointJSON, Stored: pointHex, Respelled: true},
		{Wire: writegate.JSON(pointJSON), Stored: pointHex, Respelled: true},
	}
	h := typeHarness(t, dsn)
	h.Name, h.Title, h.Version = "postgis", "Postgres with PostGIS", "PostGIS "+scalar(t, dsn, "select postgis_lib_version()")
	applierstest.TypeMatrix(t, h, []applierstest.TypeCase{
		{
			Native: "geometry(Point,4326)", Note: "goes down as EWKB; x, the longitude, comes first", Accepts: append([]accept{{Wire: pointHex, Stored: pointHex}}, respelled...),
			Refuses: []refuse{{Wire: "POINT(1)"}, {Wire: "here"}, {Wire: "SRID=4326;LINESTRING(0 0,1 1)"}, {Wire: "SRID=3857;POINT(1 2)"}},
		},
		{Native: "geography(Point,4326)", Accepts: append([]accept{{Wire: pointHex, Stored: pointHex}}, respelled...), Refuses: []refuse{{Wire: "here"}}},
	})
}
