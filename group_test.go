package writegate

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// stored makes an open letter of a device out of operations such as `{"op":"PUT","type":"t","id":"1"}`.
func stored(device string, op int64, crud string) StoredLetter {
	d := DeadLetter{ID: fmt.Sprint(device, op), ClientID: device, Subject: "ann", FirstOp: op, LastOp: op, At: time.Unix(100, 0)}
	d.Body = []byte(`{"crud":[` + crud + `]}`)
	return StoredLetter{DeadLetter: d, State: LetterOpen}
}

func TestDependants(t *testing.T) {
	list := func(id string) string { return `{"op":"PUT","type":"lists","id":"` + id + `"}` }
	todo := func(id, list string) string {
		return `{"op":"PUT","type":"todos","id":"` + id + `","data":{"list_id":"` + list + `","n":1,"done":null}}`
	}
	closed := stored("d", 1, list("A"))
	closed.State = LetterDiscarded
	broken := stored("d", 2, `{`)
	later := stored("", 0, todo("1", "A"))
	later.At = later.At.Add(time.Second)
	for name, tt := range map[string]struct {
		letters []StoredLetter
		want    [][]int
	}{
		"nothing":               {nil, [][]int{}},
		"a child":               {[]StoredLetter{stored("d", 1, list("A")), stored("d", 2, todo("1", "A"))}, [][]int{{1}, nil}},
		"a change":              {[]StoredLetter{stored("d", 1, list("A")), stored("d", 2, `{"op":"PATCH","type":"lists","id":"A"}`)}, [][]int{{1}, nil}},
		"of another table":      {[]StoredLetter{stored("d", 1, list("A")), stored("d", 2, `{"op":"DELETE","type":"todos","id":"A"}`)}, [][]int{nil, nil}},
		"of another device":     {[]StoredLetter{stored("d", 1, list("A")), stored("e", 2, todo("1", "A"))}, [][]int{nil, nil}},
		"before its cause":      {[]StoredLetter{stored("d", 1, todo("1", "A")), stored("d", 2, list("A"))}, [][]int{nil, nil}},
		"listed the other way":  {[]StoredLetter{stored("d", 2, todo("1", "A")), stored("d", 1, list("A"))}, [][]int{nil, {0}}},
		"a closed cause":        {[]StoredLetter{closed, stored("d", 2, todo("1", "A"))}, [][]int{nil, nil}},
		"a body that is broken": {[]StoredLetter{stored("d", 1, list("A")), broken, stored("d", 3, todo("1", "A"))}, [][]int{{2}, nil, nil}},
		"a grandchild": {
			[]StoredLetter{stored("d", 1, list("A")), stored("d", 2, todo("1", "A")), stored("d", 3, `{"op":"PATCH","type":"todos","id":"1"}`)},
			[][]int{{1, 2}, {2}, nil},
		},
		"of two":     {[]StoredLetter{stored("d", 1, list("A")), stored("d", 2, list("B")), stored("d", 3, todo("1", "A")+","+todo("2", "B"))}, [][]int{{2}, {2}, nil}},
		"within one": {[]StoredLetter{stored("d", 1, list("A")+","+todo("1", "A"))}, [][]int{nil}},
		"a number":   {[]StoredLetter{stored("d", 1, list("1")), stored("d", 2, `{"op":"PATCH","type":"todos","id":"x","data":{"n":1}}`)}, [][]int{nil, nil}},
		"no device":  {[]StoredLetter{stored("", 0, list("A")), later}, [][]int{{1}, nil}},
	} {
		if diff := cmp.Diff(tt.want, Dependants(tt.letters)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
