package references

import (
	"context"
	"math"
	"slices"

	"writegate"
)

// last is the stage of what is not moved.
const last = math.MaxInt

// stages returns the stage in which each change is written when rows that others refer to are created first, all
// of one level together: one list and its todo after the other then cost as little as all lists and all todos.
// It returns nil where order must be kept, or nothing would be won.
//
// Only creations are moved, to before changes that have nothing to do with them, and only where no trigger looks
// on. Should the database refuse what it would have taken in order, the error has no index, and the pipeline
// asks again for each change by itself.
func (c *call) stages() []int {
	parents, end := map[string]bool{}, -1 // what is moved: creations in these tables, up to a place
	for i := range c.changes {
		for _, n := range c.needs[i] {
			if n.after < 0 {
				continue
			}
			first := &c.changes[n.after]
			if first.Verb != writegate.Insert {
				return nil
			}
			parents[first.Table.Source], end = true, max(end, n.after)
		}
	}
	if end < 0 {
		return nil
	}
	stages := slices.Repeat([]int{last}, len(c.changes))
	levels := map[string]int{} // rows of a table keep their order, and so their numbers
	for i := range end + 1 {
		source := c.changes[i].Table.Source
		if c.changes[i].Verb != writegate.Insert || !parents[source] {
			continue
		}
		for _, n := range c.needs[i] {
			if n.after >= 0 {
				levels[source] = max(levels[source], stages[n.after]+1)
			}
		}
		stages[i] = levels[source]
	}
	if c.tied(stages[:end+1], parents) {
		return nil
	}
	return stages
}

// tied tells whether moving would change what happens.
func (c *call) tied(stages []int, parents map[string]bool) bool {
	written := map[place]bool{}
	keys, values := map[any]int{}, map[any]int{} // by the last stage in which a change before has them
	note := func(in map[any]int, v any, stage int) {
		if _, truth := v.(bool); v != nil && !truth {
			in[v] = max(in[v], stage)
		}
	}
	for i, stage := range stages {
		change := &c.changes[i]
		at := place{change.Table.Source, change.Key}
		switch {
		case slices.Contains(change.Table.Reacts, change.Verb),
			change.Verb == writegate.Remove && parents[change.Table.Source],
			stage < last && written[at],
			stage < last && values[change.Key] > stage: // something before refers to a row that is not there yet
			return true
		}
		written[at] = true
		if change.Verb == writegate.Insert {
			note(keys, change.Key, stage)
		}
		for _, v := range change.Set {
			if stage < last && v != nil && keys[v] > stage { // it refers to something before, by other means
				return true
			}
			note(values, v, stage)
		}
	}
	return false
}

// writeStages writes stage after stage, and looks up what the next one needs in between.
func (c *call) writeStages(ctx context.Context, stages []int) error {
	t := c.tx
	t.moved = append(t.moved, segment{t.given, t.given + len(c.changes)})
	for _, stage := range slices.Compact(slices.Sorted(slices.Values(stages))) {
		if err := c.prepare(ctx, stages, stage); err != nil {
			return err
		}
		var plain []writegate.Change
		for i := range c.changes {
			if stages[i] != stage {
				continue
			}
			if c.lacks(i) != nil {
				return c.missing(i, -1)
			}
			change, err := c.plain(i)
			if err != nil {
				return t.blamed(err)
			}
			plain = append(plain, change)
		}
		if err := t.Tx.Write(ctx, plain); err != nil {
			return t.blamed(err)
		}
	}
	return nil
}

// prepare looks up what a stage needs, and at the same time whatever else there is already.
func (c *call) prepare(ctx context.Context, stages []int, stage int) error {
	want, needed := wanted{}, false
	for i := range c.changes {
		for _, n := range c.needs[i] {
			if !c.knows(n) && (n.after < 0 || stages[n.after] < stage) {
				want.add(n.target, n.key)
				needed = needed || stages[i] == stage
			}
		}
	}
	if !needed {
		return nil
	}
	return c.look(ctx, want, len(c.changes))
}
