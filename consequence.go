package writegate

// Consequence is what follows from a refusal.
type Consequence struct {
	// Keep is where what was refused goes.
	Keep Keep
	// Notes are rows that tell of the refusal, inserted when it is settled.
	Notes []Change
	// Redact lists columns by table, as clients name both, whose values a dead letter leaves out. Those under the empty
	// name are left out of every table.
	Redact map[string][]string
}

// Keep says where a refused operation goes.
type Keep uint8

// The ends of a refused operation.
const (
	// KeepLetter keeps it as a dead letter.
	KeepLetter Keep = iota
	// KeepReport tells the device and the log, and keeps nothing.
	KeepReport
	// KeepNothing tells the device only.
	KeepNothing
	// KeepOnDevice settles nothing: the device holds it, and all behind it, until somebody mends the cause.
	KeepOnDevice
)
