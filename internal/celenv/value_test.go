package celenv

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"

	"cel.dev/cel-go/common/types"
	"github.com/google/go-cmp/cmp"
)

func TestJSON(t *testing.T) {
	env, err := New()
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		`null`:                  `null`,
		`true`:                  `true`,
		`-9223372036854775808`:  `-9223372036854775808`,
		`18446744073709551615u`: `18446744073709551615`,
		`0.5`:                   `0.5`,
		`"a\u2028"`:             `"a\u2028"`,
		`timestamp("2026-01-02T03:04:05.6+01:00")`:             `"2026-01-02T02:04:05.6Z"`,
		`{"a": dyn([dyn(1), dyn({"b": null})]), "c": dyn({})}`: `{"a":[1,{"b":null}],"c":{}}`,
		`[]`: `[]`,
		// These have no form.
		`1.0 / 0.0`:         "",
		`[0.0 / 0.0]`:       "",
		`{"a": -1.0 / 0.0}`: "",
		`{1: "a"}`:          "",
		`[{true: 1}]`:       "",
		`duration("1h")`:    "",
		`{"a": [b"bytes"]}`: "",
		`optional.none()`:   "",
		`type(1)`:           "",
	} {
		t.Run(text, func(t *testing.T) {
			checked, issues := env.Compile(text)
			if issues.Err() != nil {
				t.Fatal(issues.Err())
			}
			program, err := env.Program(checked)
			if err != nil {
				t.Fatal(err)
			}
			value, _, err := program.Eval(map[string]any{})
			if err != nil {
				t.Fatal(err)
			}
			plain, err := JSON(value)
			if want == "" {
				if err == nil || plain != nil {
					t.Errorf("%v, %v", plain, err)
				}
				return
			}
			if got, wrong := json.Marshal(plain); err != nil || wrong != nil || string(got) != want {
				t.Errorf("%s, %v, %v, want %s", got, err, wrong, want)
			}
		})
	}
	fault := types.NewErr("a number is too large")
	list := types.DefaultTypeAdapter.NativeToValue(map[string]any{"a": []any{fault}})
	if _, err := JSON(list); err == nil || err.Error() != "a number is too large" {
		t.Errorf("a fault in a list: %v", err)
	}
}

// exact keeps the digits.
func exact(digits string) (any, error) { return json.Number(digits), nil }

func TestDocument(t *testing.T) {
	for text, want := range map[string]any{
		` {"a": [1, 0.5e1, {"b": null}], "c": true, "": "\u00e4"} `: map[string]any{
			"a": []any{json.Number("1"), json.Number("0.5e1"), map[string]any{"b": nil}}, "c": true, "": "ä",
		},
		`92233720368547758070`:       json.Number("92233720368547758070"),
		`null`:                       nil,
		`false`:                      false,
		``:                           errors.New("a stored document is no JSON"),
		`{"a": secret}`:              errors.New("a stored document is no JSON"),
		`[1,]`:                       errors.New("a stored document is no JSON"),
		"\"\xff\"":                   errors.New("a stored document is no JSON"),
		`1 2`:                        errors.New("a stored document is no JSON"),
		`{"secret":1,"secret":2}`:    errors.New("a stored document has a name twice in one object"),
		`[{"a":{"s":1,"\u0073":2}}]`: errors.New("a stored document has a name twice in one object"),
	} {
		got, err := Document(text, exact)
		if fault, ok := want.(error); ok {
			if err == nil || err.Error() != fault.Error() || got != nil {
				t.Errorf("%s: %v, %v", text, got, err)
			}
			continue
		}
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%s: %v, %s", text, err, diff)
		}
	}
	if _, err := Document(`{"a":[1]}`, func(string) (any, error) { return nil, io.ErrShortWrite }); err == nil {
		t.Error("a number that is none to the caller is taken")
	}
}

// FuzzDocument: what is read means the same to another reader.
func FuzzDocument(f *testing.F) {
	f.Add(`{"a":[1,0.5e1,{"b":null}],"c":true,"":"\u00e4"}`)
	f.Add(`[{"a":1,"a":2}]`)
	f.Add(strings.Repeat("[", 10_001))
	f.Fuzz(func(t *testing.T, text string) {
		got, err := Document(text, exact)
		if err != nil {
			return
		}
		dec := json.NewDecoder(bytes.NewReader([]byte(text)))
		dec.UseNumber()
		var want any
		if err := dec.Decode(&want); err != nil {
			t.Fatalf("%v", err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	})
}
