package policy

import "writegate"

// Refused says what becomes of a refused operation or transaction.
func (j *judge) Refused(*writegate.Error, *writegate.Op, string) writegate.Consequence {
	return writegate.Consequence{}
}
