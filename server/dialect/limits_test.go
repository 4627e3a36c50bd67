package dialect

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"writegate"
)

func op(data string) string {
	return `{"op":"PUT","table":"t","id":"1","data":` + data + `}`
}

func TestLimits(t *testing.T) {
	lim := Limits{Depth: 3, KeyBytes: 4, StringBytes: 6}
	tests := []struct {
		name, op, reason, column string
	}{
		{"depth met", op(`{"a":[[[1]]]}`), "", ""},
		{"depth passed by arrays", op(`{"a":[[[[]]]]}`), reasonDeep, "a"},
		{"depth passed by objects", op(`{"a":{"b":{"c":{"d":{}}}}}`), reasonDeep, "a"},
		{"string met", op(`{"a":"123456"}`), "", ""},
		{"string passed", op(`{"a":"1234567"}`), reasonLong, "a"},
		{"string counted without escapes", op(`{"a":"\u0061\u0061\u0061"}`), "", ""},
		{"string inside a value met", op(`{"a":["123456"]}`), "", ""},
		{"string inside a value passed", op(`{"a":["1234567"]}`), reasonLong, "a"},
		{"number met", op(`{"a":123456}`), "", ""},
		{"number passed", op(`{"a":1234567}`), reasonLong, "a"},
		{"number inside a value passed", op(`{"a":[1234567]}`), reasonLong, "a"},
		{"key met", op(`{"abcd":1}`), "", ""},
		{"key passed", op(`{"abcde":1}`), reasonLong, "abcde"},
		{"key inside a value met", op(`{"a":{"abcd":1}}`), "", ""},
		{"key inside a value passed", op(`{"a":[{"x":1,"abcde":1}]}`), reasonLong, "a"},
		{"value as long as no key may be", op(`{"a":[{"x":"12345"}]}`), "", ""},
		{"table passed", `{"op":"PUT","table":"abcde","id":"1"}`, reasonLong, ""},
		{"id met", `{"op":"PUT","table":"t","id":"123456"}`, "", ""},
		{"id passed", `{"op":"PUT","table":"t","id":"1234567"}`, reasonLong, ""},
		{"metadata passed", `{"op":"DELETE","table":"t","id":"1","metadata":"1234567"}`, reasonLong, ""},
		{"previous values passed", `{"op":"DELETE","table":"t","id":"1","old":{"a":"1234567"}}`, reasonLong, "a"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			req, err := Decode("POST", "", []byte(`{"batch":[`+tt.op+`,{"op":"DELETE","table":"t","id":"2"}]}`), lim)
			if err != nil {
				t.Fatal(err)
			}
			ops := req.Upload.Transactions[0].Ops
			if f := ops[1].Fault; f != nil {
				t.Errorf("the next operation is faulty too: %v", f)
			}
			var reason, column string
			if f := ops[0].Fault; f != nil {
				reason, column = f.Reason, f.Column
				if f.Class != writegate.Refused || f.Message == "" {
					t.Errorf("fault %+v", f)
				}
			}
			if reason != tt.reason || column != tt.column {
				t.Errorf("fault %q of column %q, want %q of %q", reason, column, tt.reason, tt.column)
			}
		})
	}
}

func TestBodyLimit(t *testing.T) {
	body := []byte(`{"batch":[` + op(`{}`) + `]}`)
	if _, err := Decode("POST", "", body, Limits{Body: int64(len(body))}); err != nil {
		t.Errorf("a body of just the limit: %v", err)
	}
	_, err := Decode("POST", "", body, Limits{Body: int64(len(body)) - 1})
	var f *Fault
	if !errors.As(err, &f) || f.Status != 413 || !strings.Contains(f.Message, fmt.Sprint(len(body)-1)) {
		t.Errorf("a body above the limit: %v", err)
	}
	if _, err := Decode("POST", "", make([]byte, 64<<20+1), Limits{}); !errors.As(err, &f) || f.Status != 413 {
		t.Errorf("a body above the default: %v", err)
	}
}

// TestLargeUploads shows what other backends refuse.
func TestLargeUploads(t *testing.T) {
	t.Run("51 transactions", func(t *testing.T) {
		txs := strings.Repeat(`{"crud":[`+op(`{"a":1}`)+`]},`, 51)
		req := decode(t, "POST", `{"transactions":[`+txs[:len(txs)-1]+`]}`)
		if n := len(req.Upload.Transactions); n != 51 {
			t.Errorf("%d transactions", n)
		}
	})
	t.Run("20 MB", func(t *testing.T) {
		ops := strings.Repeat(op(`{"a":"`+strings.Repeat("x", 1000)+`"}`)+",", 20_000)
		req := decode(t, "POST", `{"batch":[`+ops[:len(ops)-1]+`]}`)
		if n := req.Upload.Ops(); n != 20_000 {
			t.Errorf("%d operations", n)
		}
	})
	t.Run("15 MB in one value", func(t *testing.T) {
		req := decode(t, "POST", `{"batch":[`+op(`{"a":"`+strings.Repeat("x", 15<<20)+`"}`)+`]}`)
		if f := req.Upload.Transactions[0].Ops[0].Fault; f != nil {
			t.Error(f)
		}
	})
}

// TestBeyondTheParser pins the one limit that costs the whole body.
func TestBeyondTheParser(t *testing.T) {
	for depth, ok := range map[int]bool{9_000: true, 10_001: false} {
		deep := strings.Repeat("[", depth) + strings.Repeat("]", depth)
		req, err := Decode("POST", "", []byte(`{"batch":[`+op(`{"a":`+deep+`}`)+`,`+op(`{}`)+`]}`), Limits{})
		switch {
		case !ok:
			var f *Fault
			if !errors.As(err, &f) || f.Status != 400 || !strings.Contains(f.Message, "depth") {
				t.Errorf("%d levels: %v", depth, err)
			}
		case err != nil:
			t.Errorf("%d levels: %v", depth, err)
		case req.Upload.Transactions[0].Ops[0].Fault.Reason != reasonDeep:
			t.Errorf("%d levels: %v", depth, req.Upload.Transactions[0].Ops[0].Fault)
		}
	}
}

func TestBodyOfNothing(t *testing.T) {
	for _, element := range []string{"1", "{}", "null", `{"data":{"a":1}}`} {
		body := `{"batch":[{}` + strings.Repeat(","+element, 20_000) + `]}`
		_, err := Decode("POST", "", []byte(body), Limits{})
		var f *Fault
		if !errors.As(err, &f) || f.Status != 400 {
			t.Errorf("%s: %v", element, err)
		}
	}
}

// TestBodyOfEmptyTransactions shows that they are as little worth.
func TestBodyOfEmptyTransactions(t *testing.T) {
	for _, list := range []string{`{"transactions":[{}%s]}`, `{"batch":[{}%s]}`, `[{}%s]`} {
		for _, element := range []string{"{}", `{"crud":[]}`, "[]"} {
			_, err := Decode("POST", "", fmt.Appendf(nil, list, strings.Repeat(","+element, 20_000)), Limits{})
			var f *Fault
			if !errors.As(err, &f) || f.Status != 400 {
				t.Errorf("%s of %s: %v", list, element, err)
			}
		}
	}
}

func TestContentType(t *testing.T) {
	for _, contentType := range []string{"", "application/json", "application/json; charset=utf-8", "text/plain;charset=UTF-8", "application/vnd.x+json", "image/png", "~"} {
		if _, err := Decode("POST", contentType, []byte(`{"batch":[]}`), Limits{}); err != nil {
			t.Errorf("%s: %v", contentType, err)
		}
	}
	for contentType, want := range map[string]bool{"application/x-www-form-urlencoded": true, "application/json": false, "text/plain": false} {
		_, err := Decode("POST", contentType, []byte(`batch=1`), Limits{})
		if got := err != nil && strings.Contains(err.Error(), "content type"); got != want {
			t.Errorf("%s: %v", contentType, err)
		}
	}
}

// TestLongDevice shows that an id which can't be stored counts as none, whatever keys may be.
func TestLongDevice(t *testing.T) {
	for n, want := range map[int]int{255: 255, 256: 0} {
		req, err := Decode("POST", "", []byte(`{"client_id":"`+strings.Repeat("d", n)+`","batch":[]}`), Limits{KeyBytes: 10})
		if err != nil {
			t.Fatal(err)
		}
		if got := len(req.Upload.ClientID); got != want {
			t.Errorf("a device id of %d bytes came out as one of %d", n, got)
		}
	}
}
