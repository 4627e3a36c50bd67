package dialect

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"writegate"
)

// inspect looks for what a column's JSON value must not have inside.
func (d *decoder) inspect(raw jsontext.Value) *writegate.Error {
	dec := jsontext.NewDecoder(bytes.NewBuffer(raw))
	for {
		if dec.StackDepth() > d.lim.Depth {
			return invalid(reasonDeep, "the value is nested deeper than %d levels (limit depth)", d.lim.Depth)
		}
		tok, err := dec.ReadToken()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case errors.Is(err, jsontext.ErrDuplicateName):
			return invalid(reasonDuplicate, "a key inside the value occurs twice")
		case err != nil: // the text is well-formed, so its characters are to blame
			return badEncoding()
		}
		if k := tok.Kind(); k != '"' && k != '0' {
			continue
		}
		limit, what := d.lim.StringBytes, "string or number inside the value"
		if kind, n := dec.StackIndex(dec.StackDepth()); kind == '{' && n%2 == 1 {
			limit, what = d.lim.KeyBytes, "key inside the value"
		}
		if n := len(tok.String()); n > limit {
			return tooLong(what, n, limit)
		}
	}
}

// salvage rewrites a text so that it can be kept: with replacement characters where it is not Unicode.
func salvage(raw jsontext.Value) jsontext.Value {
	if utf8.Valid(raw) && !bytes.Contains(raw, []byte(`\u`)) {
		return raw
	}
	var out bytes.Buffer
	lax := []jsontext.Options{jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)}
	dec := jsontext.NewDecoder(bytes.NewReader(raw), lax...)
	enc := jsontext.NewEncoder(&out, lax...)
	for {
		tok, err := dec.ReadToken()
		if err != nil {
			return bytes.TrimSpace(out.Bytes())
		}
		if tok.Kind() == '"' {
			tok = jsontext.String(strings.ToValidUTF8(tok.String(), "\ufffd"))
		}
		if err := enc.WriteToken(tok); err != nil {
			return bytes.TrimSpace(out.Bytes())
		}
	}
}
