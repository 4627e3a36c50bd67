package writegate

// Lookup is a read that a policy declares: rows of a table that have given values in given columns. It is shared
// and never changed; a driver may key what it prepares by its address.
type Lookup struct {
	// Name is the policy's.
	Name  string
	Table *Table
	// By are the columns that rows are found by, sorted and distinct. It is empty where Null is not.
	By []string
	// Null are columns that have to be null, sorted and distinct.
	Null []string
	// Columns are those wanted besides the key, By and Null, sorted and distinct.
	Columns []string
	// Limit is how many rows of one question are wanted, at least 1. There may be more.
	Limit int
	// Lock is taken on every row found.
	Lock Lock
	// Others leaves out the row of the operation that asks. Else it is found as it was before the operation, never as
	// the operation would make it.
	Others bool
}

// Find asks for the rows of one lookup.
type Find struct {
	*Lookup
	// Values are distinct questions. Each has stored values in the order of By, none of them nil.
	Values [][]any
	// Most is how many rows of each question are read. Which ones, when there are more, is the driver's choice.
	Most int
}

// View is what a decision sees of the database besides the row of its operation.
type View interface {
	// Find answers one question of a lookup: the rows, sorted by key, as they are after the changes decided so far.
	// It reports false when the answer is not there yet; it is then fetched, and the decision taken again. The rows
	// are shared.
	Find(l *Lookup, values []any) ([]Row, bool)
	// Link returns the device's link to the row of the operation, and whether there is one.
	Link() (Link, bool)
}
