package servicefile_test

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"writegate/auth"
	"writegate/auth/servicefile"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var update = flag.Bool("update", false, "write the golden files anew")

// environment is what the files in testdata may refer to. Nothing of it may be in a message.
func environment(name string) (string, bool) {
	value, ok := map[string]string{
		"DB_URI": "postgres://postgres.abcdefgh:hunter2@aws-0-eu-west-1.pooler.supabase.com:6543/postgres",
		"SECRET": "hunter2-hunter2-hunter2-hunter2-hunter2",
		"SHORT":  "hunter2",
		"JWKS":   "https://id.example.com/keys",
	}[name]
	return value, ok
}

// TestFiles reads every file of testdata and compares what is found in it, or what is wrong with it.
func TestFiles(t *testing.T) {
	files, err := filepath.Glob("testdata/*.yaml")
	if err != nil || len(files) < 10 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	more, _ := filepath.Glob("testdata/*.json")
	for _, file := range append(files, more...) {
		t.Run(filepath.Base(file), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			source := servicefile.Source{Name: filepath.Base(file), Text: text, Env: environment, InsecureHosts: []string{"demo-backend"}}
			if strings.HasPrefix(source.Name, "cloud") {
				source.Audience = []string{"https://instance.powersync.example"}
			}
			got := describe(servicefile.Read(source))
			if strings.Contains(got, "hunter2") {
				t.Errorf("shows a secret:\n%s", got)
			}
			golden := file + ".txt"
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("(-file +now); accept with -update:\n%s", diff)
			}
		})
	}
}

// describe writes what was found, secrets by number only.
func describe(c *servicefile.Circles, err error) string {
	if err != nil {
		return err.Error() + "\n"
	}
	var out strings.Builder
	for _, circle := range []struct {
		name string
		*auth.Options
	}{{"service", c.Service}, {"supabase", c.Supabase}} {
		if o := circle.Options; o != nil {
			fmt.Fprintf(&out, "%s: audience %q, issuer %q, jwks_uri %q, %d secrets, algorithms %q, lifetime %v\n",
				circle.name, o.Audiences, o.Issuers, o.JWKSURLs, len(o.HS256Secrets), o.Algorithms, o.MaxLifetime)
			for _, set := range o.JWKS {
				fmt.Fprintf(&out, "\tjwks %s\n", set)
			}
		}
	}
	for _, note := range c.Notes {
		fmt.Fprintln(&out, note)
	}
	return out.String()
}

// What is read makes a verifier.
func TestFoundIsUsable(t *testing.T) {
	files, _ := filepath.Glob("testdata/*.yaml")
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		found, err := servicefile.Read(servicefile.Source{Name: file, Text: text, Env: environment, InsecureHosts: []string{"demo-backend"}})
		if err != nil {
			continue
		}
		for _, o := range []*auth.Options{found.Service, found.Supabase} {
			if o == nil {
				continue
			}
			o.JWKSURLs = nil // Nothing is fetched here.
			if len(o.JWKS)+len(o.HS256Secrets) == 0 {
				continue
			}
			v, err := auth.NewVerifier(t.Context(), *o)
			if err != nil {
				t.Errorf("%s: %v", file, err)
				continue
			}
			v.Close()
		}
	}
}

func FuzzRead(f *testing.F) {
	files, _ := filepath.Glob("testdata/*.yaml")
	more, _ := filepath.Glob("testdata/*.json")
	for _, file := range slices.Concat(files, more) {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
	}
	f.Fuzz(func(t *testing.T, text string) {
		found, err := servicefile.Read(servicefile.Source{Name: "x.yaml", Text: []byte(text), Env: environment})
		var faults servicefile.Faults
		switch {
		case err == nil && found.Service == nil && found.Supabase == nil:
			t.Error("nothing found, and nothing wrong")
		case err != nil && (!errors.As(err, &faults) || len(faults) == 0):
			t.Errorf("an error without faults: %v", err)
		}
		for _, fault := range faults {
			if fault.Line < 1 || fault.Column < 1 || fault.Field == "" || fault.Message == "" {
				t.Errorf("a fault without a place: %+v", fault)
			}
		}
	})
}
