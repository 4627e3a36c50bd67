package main

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"writegate"
	"writegate/appliers/memory"
	"writegate/schemafile"
)

// offlineSchema makes a schema of a file whose columns convert as the database in memory does. What only a real
// database knows of a type, such as the length of a varchar, is not checked.
func offlineSchema(ctx context.Context, f *schemafile.File) (_ writegate.Schema, err error) {
	db, err := memory.Open(ctx, memory.Config{})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	model := memory.Table{Name: "types", Key: "id", KeyType: writegate.Text}
	for t := writegate.Any; t <= writegate.Other; t++ {
		model.Columns = append(model.Columns, memory.Column{Name: t.String(), Type: t})
	}
	if err := db.Define(model); err != nil {
		return nil, err
	}
	schema, err := db.Schema(ctx, []writegate.TableRef{{Name: model.Name}})
	if err != nil {
		return nil, err
	}
	types := schema[model.Name]
	pulled := len(f.Databases) > 0
	return f.Schema(func(c *writegate.Column) {
		like := types.Column(c.Type.String())
		c.Convert, c.Same = like.Convert, like.Same
		switch c.Type {
		case writegate.Bool:
			if !pulled {
				c.Convert = converted(toTruth)
			}
		case writegate.Date:
			c.Convert = converted(toDate)
		case writegate.Binary:
			c.Convert = converted(toBytes)
		case writegate.Other:
			c.Convert = types.Column(writegate.Text.String()).Convert
		case writegate.List:
			like = types.Column(writegate.Document.String())
			c.Convert, c.Same = like.Convert, like.Same
		}
		if c.Values != nil {
			c.Convert = converted(func(v any) (any, error) {
				if text, ok := v.(string); ok && slices.Contains(c.Values, text) {
					return text, nil
				}
				return nil, fmt.Errorf("must be one of %s", strings.Join(c.Values, ", "))
			})
		}
	})
}

// converted keeps null as it is.
func converted(to func(any) (any, error)) func(any) (any, error) {
	return func(v any) (any, error) {
		if v == nil {
			return nil, nil
		}
		return to(v)
	}
}

// toTruth takes what every database takes. Which words stand for a truth value is a matter of the driver, and a file that
// was written by hand names none: a boolean column of MySQL is a number.
func toTruth(v any) (any, error) {
	switch v {
	case true, json.Number("1"), "1":
		return true, nil
	case false, json.Number("0"), "0":
		return false, nil
	}
	return nil, errors.New("must be true or false")
}

// toDate keeps a day as text.
func toDate(v any) (any, error) {
	text, _ := v.(string)
	day, _, _ := strings.Cut(text, "T")
	if _, err := time.Parse(time.DateOnly, day); err != nil {
		return nil, errors.New("must be a date such as 2026-03-01")
	}
	return day, nil
}

func toBytes(v any) (any, error) {
	if b, ok := v.(writegate.Bytes); ok {
		return b, nil
	}
	text, ok := v.(string)
	if b, err := hex.DecodeString(strings.TrimPrefix(strings.TrimPrefix(text, `\x`), "0x")); ok && err == nil {
		return writegate.Bytes(b), nil
	}
	return nil, errors.New("must be bytes in hexadecimal digits")
}
