package policy

import (
	"math"
	"regexp"
	"strconv"
	"time"

	"writegate/policy/internal/tree"
)

// integer reads a whole number of at least min.
func integer[T int | int64 | uint64](r *reader, path string, low T, into *T) func(*tree.Node) {
	return func(n *tree.Node) {
		v, err := strconv.ParseInt(n.Text, 10, 64)
		if n.Kind != tree.Scalar || n.Quoted || err != nil || v < int64(low) || v > math.MaxInt32 {
			r.fault(n.Pos, path, "", "expected a whole number of at least %d", low)
			return
		}
		*into = T(v)
	}
}

var (
	sizeForm = regexp.MustCompile(`^([0-9]{1,9})(B|KiB|MiB|GiB)?$`)
	sizeUnit = map[string]int64{"": 1, "B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}
	spanForm = regexp.MustCompile(`^([0-9]{1,6})(ms|s|m|h|d)$`)
	spanUnit = map[string]time.Duration{"ms": time.Millisecond, "s": time.Second, "m": time.Minute, "h": time.Hour, "d": 24 * time.Hour}
)

// size reads a number of bytes, such as 256KiB.
func (r *reader) size(path string, into *int64) func(*tree.Node) {
	return func(n *tree.Node) {
		m := sizeForm.FindStringSubmatch(n.Text)
		if n.Kind != tree.Scalar || m == nil || m[1] == "0" {
			r.fault(n.Pos, path, "", "expected a number of bytes, such as 16384, 256KiB or 1MiB")
			return
		}
		v, _ := strconv.ParseInt(m[1], 10, 64)
		*into = v * sizeUnit[m[2]]
	}
}

// span reads a length of time, such as 2m.
func (r *reader) span(path string, into *time.Duration) func(*tree.Node) {
	return func(n *tree.Node) {
		m := spanForm.FindStringSubmatch(n.Text)
		if n.Kind != tree.Scalar || m == nil {
			r.fault(n.Pos, path, "", "expected a length of time, such as 500ms, 30s, 2m, 12h or 30d")
			return
		}
		v, _ := strconv.ParseInt(m[1], 10, 64)
		if *into = time.Duration(v) * spanUnit[m[2]]; *into/spanUnit[m[2]] != time.Duration(v) {
			r.fault(n.Pos, path, "", "%s is too long", n.Text)
		}
	}
}
