package configs

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"writegate/internal/fault"
)

// maxFile is the largest file that is read, in bytes.
const maxFile = 1 << 20

// Load reads and checks a file, and those that hold the address of a database. Paths in it become relative to the folder that the file is in. The error is
// of type [Faults] when the file could be read, and then has all faults at once.
func Load(path string) (*Config, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	c, d := parse(path, text, os.LookupEnv)
	if len(d.faults) == 0 {
		c.resolve(filepath.Dir(path))
		d.readDSNs(c)
		d.readAdminTokens(&c.Server.Admin)
	}
	if len(d.faults) > 0 {
		fault.Sort(d.faults)
		return nil, d.faults
	}
	return c, nil
}

// Parse reads and checks the text of a file. Env looks up what ${NAME} stands for. Paths stay as written, and no other
// file is read.
// The error is of type [Faults].
func Parse(name string, text []byte, env func(string) (string, bool)) (*Config, error) {
	c, d := parse(name, text, env)
	if len(d.faults) > 0 {
		fault.Sort(d.faults)
		return nil, d.faults
	}
	return c, nil
}

func parse(name string, text []byte, env func(string) (string, bool)) (*Config, *decoder) {
	d := &decoder{file: name, env: env, at: map[string]ast.Node{}}
	c := Default()
	if body := d.parse(text); body != nil {
		d.mapping("", body, reflect.ValueOf(c).Elem())
	}
	if !d.broken {
		d.validate(c)
	}
	return c, d
}

// parse returns the one document of the file, nil when it is empty or no YAML at all.
func (d *decoder) parse(text []byte) ast.Node {
	if len(text) > maxFile {
		d.broken = true
		d.fault(nil, "", "larger than 1 MiB")
		return nil
	}
	file, err := parser.ParseBytes(text, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		d.broken = true
		d.syntax(err)
		return nil
	}
	var body ast.Node
	for _, doc := range file.Docs {
		switch {
		case doc.Body == nil:
		case body != nil:
			d.fault(doc.Body, "", "a second document; the configuration is one")
			return body
		default:
			body = doc.Body
		}
	}
	return body
}

// syntax says where the parser gave up, not why: its message may repeat the text there, and so a secret.
func (d *decoder) syntax(err error) {
	f := Fault{File: d.file, Line: 1, Column: 1, Message: "not YAML; see to the quotes, brackets and indentation here"}
	if syntax, ok := errors.AsType[*yaml.SyntaxError](err); ok {
		if token := syntax.GetToken(); token != nil && token.Position != nil {
			f.Line, f.Column = token.Position.Line, token.Position.Column
		}
	}
	d.faults = append(d.faults, f)
}

// resolve makes the paths of files relative to the folder of the configuration.
func (c *Config) resolve(folder string) {
	relative := func(path string) string {
		if path == "" || filepath.IsAbs(path) {
			return path
		}
		return filepath.Join(folder, path)
	}
	c.Policy = relative(c.Policy)
	c.Server.Admin.TokenFile = relative(c.Server.Admin.TokenFile)
	c.Auth.KeyFile = relative(c.Auth.KeyFile)
	for name, circle := range c.Auth.Issuers {
		circle.ServiceYAML = relative(circle.ServiceYAML)
		c.Auth.Issuers[name] = circle
	}
	c.Keys.File = relative(c.Keys.File)
	c.Database.resolve(relative)
	for name, db := range c.Databases {
		db.resolve(relative)
		c.Databases[name] = db
	}
}

func (db *Database) resolve(relative func(string) string) {
	db.DeadLetters = relative(db.DeadLetters)
	db.DSNFile = relative(db.DSNFile)
	if dsn := string(db.DSN); db.InFile() && !strings.HasPrefix(dsn, ":memory:") && !strings.HasPrefix(dsn, "file:") {
		db.DSN = Secret(relative(dsn))
	}
}
