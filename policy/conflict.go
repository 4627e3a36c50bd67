package policy

import "writegate"

// reconcile merges what the client sent with what has become of the row since the client saw it. It returns the
// values to go on with.
func (j *judge) reconcile(_ *table, a *writegate.Admitted, _ writegate.Row) (values writegate.Row, stop *writegate.Decision) {
	return a.Values, nil
}

// stamp writes what is kept about a change, such as versions and clocks, into the resulting row. It returns the names of
// the columns that it wrote. Old is nil for a create. It is not called for a row that is gone altogether.
func (j *judge) stamp(_ *table, _ writegate.Verb, _ *writegate.Admitted, _, _ writegate.Row) (written []string, stop *writegate.Decision) {
	return nil, nil
}

// account adds to a change the rows that tell of it and what the device is remembered for.
func (j *judge) account(_ *table, _ *writegate.Admitted, _ writegate.Row, _ *writegate.Decision) {}
