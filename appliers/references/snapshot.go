package references

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"writegate"
)

// Snapshot yields what the inner applier does, with references as clients know them: as the text of the id of the
// row referred to, null where that row can't be found. The keys of all rows that can be referred to are held in
// memory meanwhile, as of the same moment as the rows.
func (d *DB) Snapshot(ctx context.Context, tables []string, yield func(table, id string, data []byte) error) error {
	d.mu.Lock()
	known := d.known
	d.mu.Unlock()
	s := shot{views: map[string]*target{}, keys: map[string]map[string]string{}}
	for _, name := range tables {
		for _, r := range known[name].all() {
			s.views[r.target.ref.Name] = r.target
		}
	}
	first := slices.Sorted(maps.Keys(s.views))
	return d.Passing.Snapshot(ctx, append(first, tables...), func(name, id string, data []byte) error {
		if g := s.views[name]; g != nil {
			return s.learn(g, id, data)
		}
		if m := known[name]; m != nil {
			var err error
			if data, err = s.translate(m, data); err != nil {
				return err
			}
		}
		return yield(name, id, data)
	})
}

func (m *table) all() []reference {
	if m == nil {
		return nil
	}
	return m.references
}

// shot is one snapshot on its way.
type shot struct {
	views map[string]*target
	keys  map[string]map[string]string // what clients call a row, by the name of the view and the stored value
}

// learn keeps the key of a row that can be referred to.
func (s *shot) learn(g *target, stored string, data []byte) error {
	var row map[string]json.RawMessage
	if err := json.Unmarshal(data, &row); err != nil {
		return malformed(err)
	}
	parts := make([]string, len(g.keys))
	for i, name := range g.keys {
		text, ok := scalar(row[name])
		if !ok {
			return nil // nobody can know the row
		}
		parts[i] = text
	}
	if s.keys[g.ref.Name] == nil {
		s.keys[g.ref.Name] = map[string]string{}
	}
	s.keys[g.ref.Name][stored] = strings.Join(parts, g.separator)
	return nil
}

// translate puts keys in the place of stored values.
func (s *shot) translate(m *table, data []byte) ([]byte, error) {
	var row map[string]json.RawMessage
	if err := json.Unmarshal(data, &row); err != nil {
		return nil, malformed(err)
	}
	for _, r := range m.references {
		stored, ok := scalar(row[r.column])
		if !ok {
			continue
		}
		row[r.column] = json.RawMessage("null")
		if key, ok := s.keys[r.target.ref.Name][stored]; ok {
			text, err := json.Marshal(key)
			if err != nil {
				return nil, malformed(err)
			}
			row[r.column] = text
		}
	}
	out, err := json.Marshal(row)
	if err != nil {
		return nil, malformed(err)
	}
	return out, nil
}

// scalar returns the text of a JSON string or number.
func scalar(raw json.RawMessage) (string, bool) {
	text := string(raw)
	if text == "" || text == "null" {
		return "", false
	}
	if text[0] == '"' {
		if err := json.Unmarshal(raw, &text); err != nil {
			return "", false
		}
	}
	return text, true
}

func malformed(err error) error {
	return writegate.AsError(fmt.Errorf("references: a row of a snapshot: %w", err))
}
