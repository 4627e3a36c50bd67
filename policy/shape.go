package policy

import (
	"writegate"
	"writegate/policy/internal/tree"
)

// shape checks which predicates a rule has, without looking at them. A rule always says which stored rows it
// is about and which rows may result: whoever says only one of the two has left a way round the other.
func (r *reader) shape(at tree.Pos, u *ruleSpec) {
	create, update, remove := u.ops.has(writegate.Insert), u.ops&(only(writegate.Update)|undelete) != 0, u.ops.has(writegate.Remove)
	if u.name.text == "" {
		r.fault(at, u.path, "", "the key name: is missing")
	}
	switch {
	case u.ops == 0:
		r.fault(at, u.path, "", "the key ops: is missing; it lists create, update, delete and undelete")
	case u.row != nil && (u.using != nil || u.check != nil):
		r.fault(at, u.path, "", "row: stands for using: and check: together; a rule has either")
	case u.row != nil:
	case u.using == nil && u.check == nil:
		r.fault(at, u.path, "", "the rule says nothing about rows; it needs row:, or using: and check:")
	case update && u.check == nil:
		r.fault(at, u.path, "P120", "update rule has using: but no check: (a row could be moved out of scope)")
	case update && u.using == nil:
		r.fault(at, u.path, "P120", "update rule has check: but no using: (any stored row could be taken over)")
	case create && u.check == nil:
		r.fault(at, u.path, "P120", "create rule has no check:")
	case remove && u.using == nil:
		r.fault(at, u.path, "P120", "delete rule has no using:")
	case !update && !remove && u.using != nil:
		r.fault(u.using.Pos, u.path, "", "using: is about stored rows, and a create has none")
	case !update && !create && u.check != nil:
		r.fault(u.check.Pos, u.path, "", "check: is about resulting rows, and a delete has none")
	}
	if m := u.message; !create && !update && (m.code.text != "" || m.text.text != "" || m.expr != nil) {
		r.fault(at, u.path, "", "a rule that only deletes has no message: a row that it is not about is none that the caller hears of")
	}
	if !create && !update && len(u.columns) > 0 {
		r.fault(u.columns[0].pos, u.path, "", "columns: has no meaning for a rule that only deletes")
	}
}
