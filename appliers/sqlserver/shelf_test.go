package sqlserver

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"writegate"
)

func TestGoldenShelf(t *testing.T) {
	db, p := keeping(t, map[string]reply{
		"SELECT [body]": answer(result("vi", []any{[]byte("ab"), 7})),
		"INSERT INTO [writegate].[writegate_documen": answer(result("i", []any{1})),
		"SET [version]": answer(result("i", []any{0})),
	})
	ctx := t.Context()
	type document struct {
		Body    string
		Version int64
	}
	var heard []request
	for _, step := range []struct {
		want any
		do   func() (any, error)
	}{
		{document{"ab", 7}, func() (any, error) {
			body, version, err := db.Document(ctx, "it's")
			return document{string(body), version}, err
		}},
		{true, func() (any, error) { return db.ReplaceDocument(ctx, "it's", []byte("ab"), 0) }},
		{false, func() (any, error) { return db.ReplaceDocument(ctx, "it's", []byte("ab"), 6) }},
	} {
		got, err := step.do()
		if diff := cmp.Diff(step.want, got); err != nil || diff != "" {
			t.Errorf("%v (cause: %v) (-want +got):\n%s", err, errors.Unwrap(err), diff)
		}
		heard = append(heard, p.requests()...)
	}
	golden(t, "shelf", heard)
}

func TestShelfWithoutTables(t *testing.T) {
	db := opened(t, newPeer(t, shop().answer), func(cfg *Config) { cfg.NoOwnTables = true })
	_, _, err := db.Document(t.Context(), "keys")
	_, replaceErr := db.ReplaceDocument(t.Context(), "keys", []byte("x"), 0)
	for _, err := range []error{err, replaceErr} {
		if !errors.Is(err, errNoOwnTables) || writegate.AsError(err).Class != writegate.Operator {
			t.Errorf("got %v", err)
		}
	}
}
