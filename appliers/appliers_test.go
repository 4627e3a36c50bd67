package appliers

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestOpen(t *testing.T) {
	db, err := Open(t.Context(), "sqlite", Config{DSN: filepath.Join(t.TempDir(), "a.db")})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Ready(t.Context()); err != nil {
		t.Error(err)
	}
	if err := db.Close(); err != nil {
		t.Error(err)
	}
}

func TestOpenFails(t *testing.T) {
	db, err := Open(t.Context(), "sqlite", Config{DSN: filepath.Join(t.TempDir(), "nowhere", "a.db")})
	if err == nil || db != nil {
		t.Errorf("a file in a folder that does not exist opens: %v, %v", db, err)
	}
	db, err = Open(t.Context(), "postgres", Config{DSN: "postgres://%"})
	if err == nil || db != nil {
		t.Errorf("a broken address opens: %v, %v", db, err)
	}
}

func TestUnknownDriverNamesTheKnown(t *testing.T) {
	_, err := Open(t.Context(), "oracle", Config{})
	if err == nil {
		t.Fatal("no error")
	}
	for _, name := range append(Names(), "oracle") {
		if !strings.Contains(err.Error(), name) {
			t.Errorf("error %q does not name %s", err, name)
		}
	}
}

// TestEveryFolderIsADriver holds the map against the folders.
func TestEveryFolderIsADriver(t *testing.T) {
	notDrivers := map[string]bool{
		"applierstest": true, "memory": true, // the suite, and its model
		"bare": true, "references": true, // what stands before a driver
	}
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.IsDir() && !notDrivers[e.Name()] && drivers[e.Name()].open == nil {
			t.Errorf("folder %s is not in the map of drivers", e.Name())
		}
	}
}

// TestExamples holds each example to its driver.
func TestExamples(t *testing.T) {
	for _, name := range Names() {
		if example := Example(name); example == "" || !InFile(name) && !strings.HasPrefix(example, name+"://") {
			t.Errorf("the example of %s is %q", name, example)
		}
	}
	if Example("oracle") != "" || InFile("oracle") || InFile("postgres") || !InFile("sqlite") {
		t.Error("files are mistaken")
	}
}

// TestDDL gives the tables of every driver, in the schema that was asked for.
func TestDDL(t *testing.T) {
	for _, name := range Names() {
		text, err := DDL(name, Config{Schema: "gatekeeper"})
		if err != nil || !strings.Contains(text, "writegate_ledger") {
			t.Errorf("%s: %v, %q", name, err, text)
		}
		if !InFile(name) && !strings.Contains(text, "gatekeeper") {
			t.Errorf("%s puts them elsewhere: %s", name, text)
		}
	}
	if _, err := DDL("oracle", Config{}); err == nil {
		t.Error("no error for an unknown driver")
	}
}
