package policy

import (
	"strings"

	"writegate"
)

// route says what becomes of refusals with certain codes.
type route struct {
	codes  []string // each whole, or with a star for any ending
	keep   writegate.Keep
	notify bool
}

// keeps are the words of to:.
var keeps = map[string]writegate.Keep{
	"dead_letter": writegate.KeepLetter, "report": writegate.KeepReport, "drop": writegate.KeepNothing, "block": writegate.KeepOnDevice,
}

// takes tells whether a route is for a refusal: for its reason, or for the code that the wire has, where the database gave
// no reason.
func (u *route) takes(why *writegate.Error) bool {
	code := why.Reason
	if code == "" {
		code = string(why.Code)
	}
	for _, want := range u.codes {
		prefix, open := strings.CutSuffix(want, "*")
		if want == code || open && strings.HasPrefix(code, prefix) {
			return true
		}
	}
	return false
}

// outlet is where refusals go.
type outlet struct {
	routes  []route
	unknown unknownMode
	redact  map[string][]string
	told    *feed // the table of notify:, nil for none
}

// Refused says what becomes of a refused operation or transaction: what the table says, else what the first route for its
// code says, else it is kept.
func (j *judge) Refused(why *writegate.Error, blamed *writegate.Op, name string) writegate.Consequence {
	o := &j.bundle.outlet
	then := writegate.Consequence{Redact: o.redact}
	for i := range o.routes {
		if u := &o.routes[i]; u.takes(why) {
			if then.Keep = u.keep; u.notify && o.tells(j.refusedAt(why, blamed)) {
				then.Notes = j.notify(why, blamed, name)
			}
			break
		}
	}
	switch t := j.bundle.tables[why.Table]; {
	case isUnknown(why) && o.unknown != unknownRouted:
		then.Keep = o.unknown.keep()
	case t != nil && blamed != nil && t.buries(why, blamed.Kind):
		then.Keep = writegate.KeepLetter
	}
	return then
}

// refusedAt returns the table that a refusal is about, nil where that is none of ours.
func (j *judge) refusedAt(why *writegate.Error, blamed *writegate.Op) *table {
	if blamed != nil {
		return j.bundle.tables[blamed.Table]
	}
	return j.bundle.tables[why.Table]
}

// buries tells whether the table has a refusal kept as a dead letter, whatever route: says.
func (t *table) buries(why *writegate.Error, kind writegate.Kind) bool {
	switch why.Reason {
	case "row.missing":
		return t.engine.missing == missingKeep || t.soft != nil && t.soft.patch == deletedKeep
	case "row.deleted":
		return t.soft != nil && (kind == writegate.Put && t.soft.put == deletedKeep || kind == writegate.Patch && t.soft.patch == deletedKeep)
	}
	return false
}
