package writegate

// Finding is something about a database that an operator should know before it serves.
type Finding struct {
	// Fault says that it must be mended: writes would fail, or go wrong. Else it is a warning.
	Fault bool
	// Verb is the only change that it concerns, 0 when it concerns more. It does not matter where no rule lets anybody make
	// that change.
	Verb Verb
	// Table and Column are as the configuration calls them, empty where it is about the database as a whole.
	Table, Column string
	// Message says what is wrong and what to do about it, without secrets.
	Message string
}
