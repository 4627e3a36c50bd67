package applier

import (
	"cmp"
	"slices"

	"writegate"
)

// LockOrder is the order in which n reads or lookups lock their rows, so that no two transactions wait for each other: by the
// names of the tables in the database, and for one table the strongest lock first. Those that are alike stay as they are.
// Locking tells the table and the lock of number i.
func LockOrder(n int, locking func(i int) (table string, lock writegate.Lock)) []int {
	order := make([]int, n)
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		tableA, lockA := locking(a)
		tableB, lockB := locking(b)
		return cmp.Or(cmp.Compare(tableA, tableB), cmp.Compare(lockB, lockA))
	})
	return order
}

// Alike counts the changes at the start that one statement can make: the same verb, table and columns, and no row twice. It is 1
// or more for one or more changes. Fits is asked once about each change after the first, in their order, as far as they are alike;
// the first that does not fit ends them. Nil means that any fits.
func Alike(changes []writegate.Change, fits func(i int, c *writegate.Change) bool) int {
	first := &changes[0]
	seen := map[any]bool{first.Key: true}
	for i := 1; i < len(changes); i++ {
		c := &changes[i]
		if c.Verb != first.Verb || c.Table != first.Table || seen[c.Key] || !sameColumns(c.Set, first.Set) || fits != nil && !fits(i, c) {
			return i
		}
		seen[c.Key] = true
	}
	return len(changes)
}

func sameColumns(a, b writegate.Row) bool {
	if len(a) != len(b) {
		return false
	}
	for name := range a {
		if _, ok := b[name]; !ok {
			return false
		}
	}
	return true
}

// Written returns what a driver keeps of the columns that a change sets, in the order of their names, which makes one statement of
// changes that are alike. Columns has them by the names that clients use; one that it lacks is the zero value.
func Written[C any](c *writegate.Change, columns map[string]C) []C {
	names := make([]string, 0, len(c.Set))
	for name := range c.Set {
		names = append(names, name)
	}
	slices.Sort(names)
	written := make([]C, len(names))
	for i, name := range names {
		written[i] = columns[name]
	}
	return written
}
