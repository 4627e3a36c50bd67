package writegate

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"io"
	"sort"
	"strconv"
)

// Fingerprint tells two operations with the same ids apart: the first 16 bytes of a SHA-256 over a version
// byte and the decoded operation.
type Fingerprint [16]byte

const fingerprintVersion = 1

// Fingerprint covers kind, table, id and data as the client sent them, and nothing that may differ between
// two tries of the same operation: not the previous values, the metadata, the ids of operation and
// transaction, nor how operations were grouped into requests.
func (op *Op) Fingerprint() Fingerprint {
	buf := make([]byte, 0, 256)
	buf = append(buf, fingerprintVersion)
	for _, s := range []string{string(op.Kind), op.Table, op.ID} {
		buf = strconv.AppendInt(buf, int64(len(s)), 10)
		buf = append(buf, ':')
		buf = append(buf, s...)
	}
	if op.Kind != Delete {
		buf = appendRow(buf, op.Data)
	}
	sum := sha256.Sum256(buf)
	return Fingerprint(sum[:16])
}

func appendRow(buf []byte, row Row) []byte {
	names := make([]string, 0, len(row))
	for name := range row {
		names = append(names, name)
	}
	sort.Strings(names)
	buf = append(buf, '{')
	for i, name := range names {
		if i > 0 {
			buf = append(buf, ',')
		}
		buf = appendString(buf, name)
		buf = append(buf, ':')
		buf = appendWire(buf, row[name])
	}
	return append(buf, '}')
}

func appendWire(buf []byte, v any) []byte {
	switch v := v.(type) {
	case nil:
		return append(buf, "null"...)
	case bool:
		return strconv.AppendBool(buf, v)
	case string:
		return appendString(buf, v)
	case json.Number:
		return append(buf, v...)
	case JSON:
		if c, err := CanonicalJSON([]byte(v)); err == nil {
			return append(buf, c...)
		}
		return append(buf, v...)
	}
	panic("writegate: not a wire value")
}

func appendString(buf []byte, s string) []byte {
	b, _ := json.Marshal(s) // a string always marshals
	return append(buf, b...)
}

// CanonicalJSON rewrites a JSON text with sorted keys and no white space. Numbers keep their digits.
// A key that occurs twice keeps its last value.
func CanonicalJSON(text []byte) ([]byte, error) {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		return nil, err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errTrailing
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), nil
}

var errTrailing = errors.New("more than one JSON value")
