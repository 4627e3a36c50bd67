package dialect

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"writegate"
)

// decoder reads one body from front to back, once.
type decoder struct {
	*jsontext.Decoder
	body    []byte
	lim     Limits
	method  writegate.Kind // the op that the request's method names, empty for POST
	names   map[string]string
	faults  map[writegate.Error]*writegate.Error
	scratch []byte
	empty   int // elements so far that hold nothing of an operation
}

// Decode reads the body of an upload, whatever format it is in. The method PUT, PATCH or DELETE is the op
// of operations that name none. The content type is not relied on: published connectors send JSON as
// text/plain.
//
// Every error is a [*Fault], and says that nothing was found which could be settled.
func Decode(method, contentType string, body []byte, lim Limits) (*Request, error) {
	lim = lim.orDefault()
	if int64(len(body)) > lim.Body {
		return nil, TooLarge(lim.Body)
	}
	body = bytes.TrimPrefix(body, []byte("\ufeff"))
	d := &decoder{
		Decoder: jsontext.NewDecoder(bytes.NewBuffer(body), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)),
		body:    body,
		lim:     lim,
		names:   make(map[string]string, 16),
		faults:  make(map[writegate.Error]*writegate.Error),
	}
	switch k := writegate.Kind(strings.ToUpper(method)); k {
	case writegate.Put, writegate.Patch, writegate.Delete:
		d.method = k
	}
	req, err := d.request()
	if err == nil {
		err = d.end()
	}
	if err != nil {
		return nil, d.fault(err, contentType)
	}
	return req, nil
}

// TooLarge refuses a body above the limit in bytes.
func TooLarge(limit int64) *Fault {
	return &Fault{Status: 413, Message: fmt.Sprintf("The upload is larger than the limit of %d bytes (%.4g MiB, inflated). "+
		"The device can't send anything else before it: raise server.limits.body, or upload fewer transactions at once.",
		limit, float64(limit)/(1<<20))}
}

// TooMany refuses a body that holds more than the limit in bytes once it is decoded.
func TooMany(limit int64) *Fault {
	return &Fault{Status: 413, Message: fmt.Sprintf("The upload has so many operations and columns that it would take more than the limit of %d bytes (%.4g MiB) "+
		"of memory. The device can't send anything else before it: raise server.limits.decoded, or upload fewer transactions at once.",
		limit, float64(limit)/(1<<20))}
}

// end makes sure that nothing follows.
func (d *decoder) end() error {
	_, err := d.ReadToken()
	switch {
	case errors.Is(err, io.EOF):
		return nil
	case err == nil:
		return bad("The body goes on after its end at byte %d; send one JSON value.", d.InputOffset())
	}
	return err
}

func bad(format string, args ...any) *Fault {
	return &Fault{Status: 400, Message: fmt.Sprintf(format, args...)}
}

// fault says what is wrong with a body that can't be read.
func (d *decoder) fault(err error, contentType string) *Fault {
	if f, ok := errors.AsType[*Fault](err); ok {
		return f
	}
	hint := ""
	if t, _, e := mime.ParseMediaType(contentType); e == nil && t != "text/plain" && !strings.HasSuffix(t, "json") {
		hint = fmt.Sprintf(" The content type is %s; send application/json.", label(t))
	}
	if len(bytes.TrimSpace(d.body)) == 0 {
		return bad("The body is empty. %s%s", accepted, hint)
	}
	var syntax *jsontext.SyntacticError
	if !errors.As(err, &syntax) {
		return bad("The body is not JSON.%s", hint) // reading from memory has no other errors
	}
	where := ""
	if p := string(syntax.JSONPointer); p != "" {
		where = " in " + label(p)
	}
	what := syntax.Err.Error()
	if errors.Is(syntax.Err, io.ErrUnexpectedEOF) {
		what = "it ends in the middle of a value"
	}
	return bad("The body is not JSON at byte %d%s: %s.%s", syntax.ByteOffset, where, what, hint)
}
