package writegate

// Finding is something about a database that an operator should know before it serves.
type Finding struct {
	// Fault says that it must be mended: writes would fail, or go wrong. Else it is a warning.
	Fault bool
	// Table and Column are as the configuration calls them, empty where it is about the database as a whole.
	Table, Column string
	// Message says what is wrong and what to do about it, without secrets.
	Message string
}
