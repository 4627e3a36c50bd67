package configs_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"writegate/configs"
)

func TestReadAdminTokens(t *testing.T) {
	long := strings.Repeat("a", 32)
	for name, tt := range map[string]struct {
		text  string
		want  []string
		fault string
	}{
		"one":             {long + "\n", []string{long}, ""},
		"old and new":     {long + "\r\n\n  " + long + "b", []string{long, long + "b"}, ""},
		"none":            {"\n \n", nil, "is empty"},
		"short":           {long + "\n" + long[1:], nil, "has no token on line 2: one has at least 32 characters, none of them a space"},
		"a space inside":  {long + " " + long, nil, "has no token on line 1: one has at least 32 characters, none of them a space"},
		"not for headers": {long + "ä", nil, "has no token on line 1: one has at least 32 characters, none of them a space"},
		"too large":       {strings.Repeat(long+"\n", 2000), nil, "is larger than 64 KiB"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "tokens")
			if err := os.WriteFile(path, []byte(tt.text), 0o600); err != nil {
				t.Fatal(err)
			}
			got, err := configs.ReadAdminTokens(path)
			if diff := cmp.Diff(tt.want, got); diff != "" || (err == nil) != (tt.fault == "") || err != nil && err.Error() != tt.fault {
				t.Errorf("%v (-want +got):\n%s", err, diff)
			}
		})
	}
	path := filepath.Join(t.TempDir(), "tokens")
	if err := os.WriteFile(path, []byte(long), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := configs.ReadAdminTokens(path); err == nil || err.Error() != "may be read by others (mode 644); run chmod 600 on it" {
		t.Error(err)
	}
	if _, err := configs.ReadAdminTokens(filepath.Join(t.TempDir(), "missing")); err == nil || err.Error() != "can't be opened: no such file or directory" {
		t.Error(err)
	}
}
