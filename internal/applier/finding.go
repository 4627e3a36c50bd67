package applier

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"writegate"
)

// Faulty is a finding about the whole database, without which being mended something does not work.
func Faulty(format string, args ...any) writegate.Finding {
	return writegate.Finding{Fault: true, Message: fmt.Sprintf(format, args...)}
}

// Doubtful is a finding about the whole database that an operator should know of.
func Doubtful(format string, args ...any) writegate.Finding {
	return writegate.Finding{Message: fmt.Sprintf(format, args...)}
}

// SortFindings brings findings into the order of their tables, columns and messages, those about the whole database first.
func SortFindings(all []writegate.Finding) {
	slices.SortStableFunc(all, func(a, b writegate.Finding) int {
		return cmp.Or(cmp.Compare(a.Table, b.Table), cmp.Compare(a.Column, b.Column), cmp.Compare(a.Message, b.Message))
	})
}

// MaxSkew is how far the clocks of this machine and of a server may differ.
const MaxSkew = 5 * time.Second

// Clocks finds fault with a server's clock that shows a moment which lies more than [MaxSkew] outside of the time in which it was
// asked for. It returns one finding or none.
func Clocks(at, from, to time.Time) []writegate.Finding {
	skew := max(from.Sub(at), at.Sub(to), 0)
	if skew <= MaxSkew {
		return nil
	}
	return []writegate.Finding{Doubtful("the clocks of the server and of this machine are %s apart; have both follow NTP", skew.Round(time.Second))}
}

// OwnTablesMissing says that our own tables are not as this program needs them, to a login that may make them or may not.
func OwnTablesMissing(mayMake bool) writegate.Finding {
	if mayMake {
		return Doubtful("writegate's own tables are missing or older than this program; serve makes them, or run what `writegate schema ddl` prints")
	}
	return Faulty("writegate's own tables are missing or older than this program, and the login may not make them; run what `writegate schema ddl` prints")
}
