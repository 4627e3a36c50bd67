package sqlserver

import (
	mssql "github.com/microsoft/go-mssqldb"
)

// babelfishName is how Babelfish calls itself in its errors.
const babelfishName = "BABELFISH"

// firstState is the least number that is taken for a code of PostgreSQL. Below it are SQL Server's numbers, those that
// code in a database usually raises, and codes that end in 00, which say little.
const firstState = 1 << 18

// stateOf returns the code of PostgreSQL that Babelfish sends as the number of an error for which SQL Server has none:
// five characters of six bits each, the first in the lowest. Empty is none.
func stateOf(e *mssql.Error) string {
	if e.ServerName != babelfishName || e.Number < firstState {
		return ""
	}
	state := make([]byte, 5)
	for i := range state {
		state[i] = '0' + byte(e.Number>>(6*i)&0x3f)
		if c := state[i]; c > '9' && c < 'A' || c > 'Z' {
			return ""
		}
	}
	return string(state)
}

// verdictOfState says what a code of PostgreSQL means.
func verdictOfState(state string) verdict {
	switch state {
	case "P0001":
		return raised
	case "23505":
		return unique
	case "25006", "55P03", "55006":
		return later
	}
	switch state[:2] {
	case "22":
		return invalid
	case "23":
		return numbers[numberConstraint]
	case "40":
		return again
	case "08", "28", "57":
		return later
	case "42":
		return schemaFault
	}
	return mend
}

// verdictAt says what an error of the server means.
func verdictAt(e *mssql.Error) verdict {
	if state := stateOf(e); state != "" {
		return verdictOfState(state)
	}
	return verdictOf(e.Number)
}
