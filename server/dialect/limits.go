package dialect

// Limits bound what is read. A field that is zero or negative means its value in [DefaultLimits].
type Limits struct {
	// Body is the size of a body in bytes, inflated. A larger one is refused as a whole.
	Body int64
	// Depth is how many levels of arrays and objects one column's value may have. At 10,000 levels,
	// counted from the top of the body, the body as a whole can't be read any more.
	Depth int
	// KeyBytes is the length in bytes of a table's or column's name and of a key inside a value.
	KeyBytes int
	// StringBytes is the length in bytes of one string or number.
	StringBytes int
}

// DefaultLimits are meant to be met by accident only.
var DefaultLimits = Limits{Body: 64 << 20, Depth: 100, KeyBytes: 256, StringBytes: 16 << 20}

func (l Limits) orDefault() Limits {
	if l.Body <= 0 {
		l.Body = DefaultLimits.Body
	}
	if l.Depth <= 0 {
		l.Depth = DefaultLimits.Depth
	}
	if l.KeyBytes <= 0 {
		l.KeyBytes = DefaultLimits.KeyBytes
	}
	if l.StringBytes <= 0 {
		l.StringBytes = DefaultLimits.StringBytes
	}
	return l
}
