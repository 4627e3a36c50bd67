package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestRanSeesWhatDidNot(t *testing.T) {
	dir := t.TempDir()
	for name, record := range map[string]string{
		"1": "MySQL 9.7.4: 200 cases", "2": "MariaDB 10.11.19: 200 cases", "3": "documentdb 1.0 (not mongod): 180 cases", "4": "memory: 190 cases",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(record+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	tests := []struct{ names, missing string }{
		{"mysql mariadb memory documentdb|mongodb", ""},
		{"mysql postgresql", "postgresql"},
		{"mongodb", "mongodb"},
		{"maria", "maria"},
	}
	for _, tt := range tests {
		var out strings.Builder
		err := ran(&out, dir, strings.Fields(tt.names))
		switch {
		case tt.missing == "" && err != nil:
			t.Errorf("%s: %v", tt.names, err)
		case tt.missing != "" && (err == nil || !strings.HasSuffix(err.Error(), "on "+tt.missing)):
			t.Errorf("%s: %v, want that %s is missing", tt.names, err, tt.missing)
		}
		if got := strings.Count(out.String(), "\n"); got != 4 {
			t.Errorf("%s: %d lines, want 4:\n%s", tt.names, got, &out)
		}
	}
	if err := ran(new(strings.Builder), t.TempDir(), []string{"mysql"}); err == nil {
		t.Error("an empty folder has everything")
	}
}

func TestHeadline(t *testing.T) {
	for _, tt := range []struct{ product, text, want string }{
		{"MySQL ", "9.7.4-2", "MySQL 9.7.4"},
		{"MySQL ", "10.11.19-MariaDB-0+deb12u1", "MariaDB 10.11.19"},
		{"", "PostgreSQL 15.14 (Debian 15.14-0+deb12u1) on x86_64-pc-linux-gnu, compiled by gcc", "PostgreSQL 15.14"},
		{"", "Microsoft SQL Server 2022 (RTM-CU20) (KB5059390) - 16.0.4205.1 (X64)", "Microsoft SQL Server 2022"},
	} {
		if got := headline(tt.product, tt.text); got != tt.want {
			t.Errorf("headline(%q) = %q, want %q", tt.text, got, tt.want)
		}
	}
}
