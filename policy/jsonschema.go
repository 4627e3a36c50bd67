package policy

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"writegate/policy/internal/tree"
)

// maxSchema is how large a file with a JSON Schema may be.
const maxSchema = 256 << 10

// attachment is a file beside the policy that is part of it.
type attachment struct {
	path string // from the folder of the policy
	text string
}

// schema reads a JSON Schema from a file beside the policy, or in a folder there.
func (r *reader) schema(path string, into **jsonschema.Schema) func(*tree.Node) {
	return func(n *tree.Node) {
		w := r.word(n, path)
		text, err := r.attach(w.text)
		if err != nil {
			r.fault(w.pos, path, "", "%v", err)
			return
		}
		if *into, err = compileSchema(text); err != nil {
			r.fault(w.pos, path, "P102", "%s is no JSON Schema: %v", w.text, err)
		}
	}
}

// attach reads a file beside the policy. The file may have any name that does not lead out of the folder.
func (r *reader) attach(name string) (string, error) {
	for _, a := range r.attached {
		if a.path == name {
			return a.text, nil
		}
	}
	if !filepath.IsLocal(name) {
		return "", fmt.Errorf("%s has to be a file beside the policy, or in a folder there", quote(name))
	}
	if !slices.Contains(r.named, name) {
		r.named = append(r.named, name)
	}
	f, err := os.OpenInRoot(filepath.Dir(r.file), name)
	if err != nil {
		return "", fmt.Errorf("the file %s can't be opened: %w", quote(name), plainPath(err))
	}
	defer func() { _ = f.Close() }() // it was only read
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return "", fmt.Errorf("%s is no file", quote(name))
	}
	text, err := io.ReadAll(io.LimitReader(f, maxSchema+1))
	switch {
	case err != nil:
		return "", fmt.Errorf("the file %s can't be read: %w", quote(name), plainPath(err))
	case len(text) > maxSchema:
		return "", fmt.Errorf("the file %s is larger than %d bytes", quote(name), maxSchema)
	}
	r.attached = append(r.attached, attachment{name, string(text)})
	return string(text), nil
}

// plainPath leaves the path, which is in the message already, out of an error of the file system.
func plainPath(err error) error {
	if e, ok := errors.AsType[*os.PathError](err); ok {
		return e.Err
	}
	return err
}

// nowhere loads nothing.
type nowhere struct{}

func (nowhere) Load(string) (any, error) { return nil, errors.New("a schema can only refer to itself") }

// compileSchema makes a schema of its text. Formats are checked, and nothing is fetched from anywhere.
func compileSchema(text string) (*jsonschema.Schema, error) {
	const url = "policy:///schema.json"
	if _, why := scan(text, schemaDepth); why != "" {
		return nil, errors.New("it " + why)
	}
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		return nil, err
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	c.AssertFormat()
	c.UseLoader(nowhere{})
	if err := c.AddResource(url, doc); err != nil {
		return nil, err
	}
	s, err := c.Compile(url)
	if e, ok := errors.AsType[*jsonschema.SchemaValidationError](err); ok {
		if fault, ok := errors.AsType[*jsonschema.ValidationError](e.Err); ok {
			return nil, errors.New("it has a fault" + place(fault))
		}
	}
	if err != nil {
		line, _, _ := strings.Cut(strings.ReplaceAll(err.Error(), url, ""), "\n")
		return nil, errors.New(line)
	}
	return s, nil
}

// place says where a document does not fit its schema, by the first place, and by which keyword of the schema.
func place(fault *jsonschema.ValidationError) string {
	for len(fault.Causes) > 0 {
		fault = fault.Causes[0]
	}
	text := ""
	if len(fault.InstanceLocation) > 0 {
		text = " at " + quote("/"+strings.Join(fault.InstanceLocation, "/"))
	}
	if keywords := fault.ErrorKind.KeywordPath(); len(keywords) > 0 {
		text += " (" + keywords[0] + ")"
	}
	return text
}
