package policy

import (
	"encoding/json"
	"slices"

	"writegate"
)

// Claims are the values at the paths of the claims that the policy declares.
func (j *judge) Claims() writegate.JSON {
	out := map[string]any{}
	for i := range j.bundle.claims {
		path := j.bundle.claims[i].path
		v := find(j.caller, path)
		if v == nil || slices.Equal(path, []string{"sub"}) {
			continue
		}
		at := out
		for _, step := range path[:len(path)-1] {
			next, ok := at[step].(map[string]any)
			if !ok {
				next = map[string]any{}
				at[step] = next
			}
			at = next
		}
		at[path[len(path)-1]] = v
	}
	text, err := json.Marshal(out)
	if err != nil { // a value that no token has
		return "{}"
	}
	return writegate.JSON(text)
}

// Resolved finds nothing to be resolved.
func (j *judge) Resolved(string) []writegate.Change { return nil }
