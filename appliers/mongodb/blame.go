package mongodb

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"

	"writegate"
	"writegate/internal/applier"
)

// refused makes the error of one of the changes of a run, nil when none is to blame.
func (t *tx) refused(err error, run []place) *writegate.ChangeError {
	verdict, known := verdictOf(err)
	if !known || verdict.class != writegate.Refused {
		return nil
	}
	at, raw := 0, bson.Raw(nil)
	switch first, ok := firstWriteError(err); {
	case ok && first.Index >= 0 && first.Index < len(run):
		at, raw = first.Index, first.Raw
	case len(run) > 1:
		return &writegate.ChangeError{Index: -1, Err: refusal(verdict, run[0].change, nil, err)}
	}
	p := run[at]
	c := driverOf(p.change.Table)
	var columns []string
	switch verdict.code {
	case writegate.UniqueViolation:
		hit, found := c.hit(raw, err)
		if p.change.Verb == writegate.Insert && (found && c.isKeyIndex(hit) || !found && t.exists(p.change)) {
			return &writegate.ChangeError{Index: p.index, Race: true, Err: applier.Raced(p.change, err)}
		}
		columns = c.columnsOf(hit)
	case writegate.DocumentValidation:
		if column := c.missing(p.change); column != "" {
			verdict.code, columns = writegate.NotNullViolation, []string{column}
		} else {
			columns = c.invalid(raw)
		}
	}
	return &writegate.ChangeError{Index: p.index, Err: refusal(verdict, p.change, columns, err)}
}

func firstWriteError(err error) (mongo.WriteError, bool) {
	if bulk, ok := errors.AsType[mongo.BulkWriteException](err); ok && len(bulk.WriteErrors) > 0 {
		return bulk.WriteErrors[0].WriteError, true
	}
	if single, ok := errors.AsType[mongo.WriteException](err); ok && len(single.WriteErrors) > 0 {
		return single.WriteErrors[0], true
	}
	return mongo.WriteError{}, false
}

var messages = map[writegate.Code]string{
	writegate.UniqueViolation:    "another row has the same value already.",
	writegate.NotNullViolation:   "a value must not be null.",
	writegate.DocumentValidation: "the rules of the collection are not met.",
	writegate.InvalidData:        "the database can't store a value.",
}

func refusal(v verdict, change *writegate.Change, columns []string, cause error) *writegate.Error {
	e := writegate.Refuse(v.code, v.reason, messages[v.code])
	e.Cause = cause
	return applier.Located(e, change.Table.Name, columns)
}

// hit tells which unique index a duplicate was found in: by the pattern that MongoDB adds, else by the name of an
// index that we know in the part of the message that has no values.
func (c *collection) hit(raw bson.Raw, err error) (index, bool) {
	if pattern, ok := raw.Lookup("keyPattern").DocumentOK(); ok {
		elements, _ := pattern.Elements()
		sources := make([]string, len(elements))
		for i, e := range elements {
			sources[i] = e.Key()
		}
		for _, i := range c.unique {
			if slices.Equal(i.sources, sources) {
				return i, true
			}
		}
	}
	text, _ := raw.Lookup("errmsg").StringValueOK()
	if text == "" {
		text = err.Error()
	}
	text, _, _ = strings.Cut(text, "dup key:")
	found, ok := index{}, false
	for _, i := range c.unique {
		named := strings.Contains(text, "'"+i.name+"'") || strings.Contains(text+" ", "index: "+i.name+" ")
		if named && len(i.name) > len(found.name) {
			found, ok = i, true
		}
	}
	return found, ok
}

// exists looks outside of the transaction, which is gone, for a document with the key of a change.
func (t *tx) exists(change *writegate.Change) bool {
	c := driverOf(change.Table)
	ctx, cancel := context.WithTimeout(context.Background(), endTimeout)
	defer cancel()
	return c.in(t.db).FindOne(ctx, c.filter(change.Table, []any{change.Key})).Err() == nil
}

// missing names the first column that must not be null and would be, empty when there is none.
func (c *collection) missing(change *writegate.Change) string {
	for _, column := range change.Table.Columns {
		if column.Nullable || column.Name == change.Table.Key || change.Table.IsPart(column.Name) {
			continue
		}
		if v, set := change.Set[column.Name]; set && v == nil || !set && change.Verb == writegate.Insert {
			return column.Name
		}
	}
	return ""
}

// invalid names the column that a validator does not like, where MongoDB explains it and it is one.
func (c *collection) invalid(raw bson.Raw) []string {
	rules, ok := raw.Lookup("errInfo", "details", "schemaRulesNotSatisfied").ArrayOK()
	if !ok {
		return nil
	}
	names := map[string]bool{}
	values, _ := rules.Values()
	for _, rule := range values {
		doc, _ := rule.DocumentOK()
		properties, _ := doc.Lookup("propertiesNotSatisfied").ArrayOK()
		of, _ := properties.Values()
		for _, property := range of {
			d, _ := property.DocumentOK()
			if name, ok := d.Lookup("propertyName").StringValueOK(); ok {
				names[name] = true
			}
		}
	}
	if len(names) != 1 {
		return nil
	}
	return c.columnsOf(index{sources: slices.Collect(maps.Keys(names))})
}
