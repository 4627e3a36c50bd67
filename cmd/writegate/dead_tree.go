package main

import (
	"cmp"
	"context"
	"encoding/json"
	"maps"
	"slices"

	"writegate"
)

// tree is a list of letters in which each stands under the one that it depends on.
type tree struct {
	letters []found
	// causes has for each letter, by id, the open ones that it depends on, in the order of the device, whether they are in
	// the list or not.
	causes map[string][]string
}

// device is whose letters may depend on each other: of one device in one database, or of one user where the device is
// not known.
type device struct {
	*shelf
	client, subject string
}

func (l *found) of() device {
	if l.ClientID == "" {
		return device{l.shelf, "", l.Subject}
	}
	return device{l.shelf, l.ClientID, ""}
}

// tree finds out which open letters depend on which, among all open ones of their devices.
func (all shelves) tree(ctx context.Context, letters []found) (*tree, error) {
	t := &tree{letters: letters, causes: map[string][]string{}}
	looked := map[device]bool{}
	for i := range letters {
		l := &letters[i]
		if d := l.of(); l.State == writegate.LetterOpen && !looked[d] {
			looked[d] = true
			if err := t.look(ctx, d); err != nil {
				return nil, err
			}
		}
	}
	return t, nil
}

// look adds what is known of the letters of a device.
func (t *tree) look(ctx context.Context, d device) error {
	var open []writegate.StoredLetter
	for l, err := range d.each(ctx, writegate.LetterQuery{State: writegate.LetterOpen, ClientID: d.client, Subject: d.subject}) {
		if err != nil {
			return err
		}
		if l.ClientID == d.client {
			open = append(open, l.StoredLetter)
		}
	}
	if len(open) < 2 {
		return nil
	}
	for i := range open {
		whole, err := d.Letter(ctx, open[i].ID)
		if err != nil {
			return d.trouble(err)
		}
		if whole != nil {
			open[i].Body = skeleton(whole.Body)
		}
	}
	slices.SortStableFunc(open, func(a, b writegate.StoredLetter) int { return made(&a, &b) })
	for cause, dependants := range writegate.Dependants(open) {
		for _, i := range dependants {
			t.causes[open[i].ID] = append(t.causes[open[i].ID], open[cause].ID)
		}
	}
	return nil
}

// longestKey is how many bytes of JSON a value may have that is looked at as a key of another row.
const longestKey = 1 << 10

// skeleton is what of a body says which rows it is about, so that those of a whole device fit into memory.
func skeleton(body []byte) []byte {
	var bones struct {
		Crud []struct {
			Op   string                     `json:"op"`
			Type string                     `json:"type"`
			ID   string                     `json:"id"`
			Data map[string]json.RawMessage `json:"data,omitempty"`
		} `json:"crud"`
	}
	if err := json.Unmarshal(body, &bones); err != nil {
		return nil // it depends on nothing that anybody could tell
	}
	for i := range bones.Crud {
		maps.DeleteFunc(bones.Crud[i].Data, func(_ string, v json.RawMessage) bool { return v[0] != '"' || len(v) > longestKey })
	}
	text, err := json.Marshal(bones)
	if err != nil { // it has just been read
		panic(err)
	}
	return text
}

// made compares letters of one device by when their operations were made.
func made(a, b *writegate.StoredLetter) int {
	return cmp.Or(cmp.Compare(a.FirstOp, b.FirstOp), a.At.Compare(b.At), cmp.Compare(a.TxID, b.TxID), cmp.Compare(a.ID, b.ID))
}

// inOrder sorts letters by device, that with the oldest letter first, and those of a device by when they were made.
func inOrder(letters []found) []found {
	rank := map[device]int{}
	for i := range letters {
		if d := letters[i].of(); rank[d] == 0 {
			rank[d] = len(rank) + 1
		}
	}
	sorted := slices.Clone(letters)
	slices.SortStableFunc(sorted, func(a, b found) int {
		return cmp.Or(cmp.Compare(rank[a.of()], rank[b.of()]), made(&a.StoredLetter, &b.StoredLetter))
	})
	return sorted
}

// effects are the letters that depend on one.
func (t *tree) effects(id string) (ids []string) {
	for dependant, causes := range t.causes {
		if slices.Contains(causes, id) {
			ids = append(ids, dependant)
		}
	}
	slices.Sort(ids)
	return ids
}

// walk visits the letters of the list, each under the last of its causes that is in the list.
func (t *tree) walk(visit func(l *found, depth int)) {
	places := map[string]int{}
	for i := range t.letters {
		places[t.letters[i].ID] = i
	}
	under := map[string][]int{}
	for i := range t.letters {
		parent := ""
		for _, cause := range t.causes[t.letters[i].ID] {
			if _, listed := places[cause]; listed {
				parent = cause
			}
		}
		under[parent] = append(under[parent], i)
	}
	var down func(parent string, depth int)
	down = func(parent string, depth int) {
		for _, i := range under[parent] {
			visit(&t.letters[i], depth)
			down(t.letters[i].ID, depth+1)
		}
	}
	down("", 0)
}

// several reports whether letters are in several databases.
func (t *tree) several() bool {
	return slices.ContainsFunc(t.letters, func(l found) bool { return l.database != "" })
}
