package policy

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // the names of time zones mean the same on every machine
	"unicode/utf8"

	"writegate"
)

// encoding is a form of values that clients send and drivers do not take by themselves.
type encoding struct {
	of writegate.Type
	// decode makes what the driver takes of any wire value but null. What it refuses is said as drivers say it.
	decode func(wire any) (any, error)
}

var encodings = map[string]encoding{
	"hex":       {writegate.Binary, fromHex},
	"base64":    {writegate.Binary, fromBase64(base64.StdEncoding)},
	"base64url": {writegate.Binary, fromBase64(base64.URLEncoding)},
	"epoch_s":   {writegate.Timestamp, fromEpoch(time.Second)},
	"epoch_ms":  {writegate.Timestamp, fromEpoch(time.Millisecond)},
	"epoch_us":  {writegate.Timestamp, fromEpoch(time.Microsecond)},
	"json_text": {writegate.Document, quoteText},
}

func encodingNames() []string { return slices.Sorted(maps.Keys(encodings)) }

// encodingsOf lists what a column of a type can be encoded as.
func encodingsOf(t writegate.Type) []string {
	return slices.DeleteFunc(encodingNames(), func(name string) bool { return encodings[name].of != t })
}

var (
	errHex    = errors.New("must be bytes as hexadecimal digits")
	errBase64 = errors.New("must be bytes in base64")
	errText   = errors.New("must be text")
	errRange  = errors.New("must be a time between the years 1 and 9999")
	errNano   = errors.New("must be a time of at most nanoseconds")
)

func fromHex(wire any) (any, error) {
	text, ok := wire.(string)
	if !ok {
		return nil, errHex
	}
	for _, prefix := range []string{`\x`, "0x"} {
		if digits, cut := strings.CutPrefix(text, prefix); cut {
			text = digits
			break
		}
	}
	b, err := hex.DecodeString(text)
	if err != nil {
		return nil, errHex
	}
	return writegate.Bytes(b), nil
}

// fromBase64 takes bytes with or without padding. Line breaks, which the library leaves out, are refused.
func fromBase64(alphabet *base64.Encoding) func(any) (any, error) {
	alphabet = alphabet.WithPadding(base64.NoPadding).Strict()
	return func(wire any) (any, error) {
		text, ok := wire.(string)
		if !ok || strings.ContainsAny(text, "\r\n") {
			return nil, errBase64
		}
		digits := strings.TrimRight(text, "=")
		if pad := len(text) - len(digits); pad > 0 && (pad > 2 || len(text)%4 != 0) {
			return nil, errBase64
		}
		b, err := alphabet.DecodeString(digits)
		if err != nil {
			return nil, errBase64
		}
		return writegate.Bytes(b), nil
	}
}

// number is a JSON number of reasonable length.
var number = regexp.MustCompile(`^-?[0-9]{1,40}(\.[0-9]{1,40})?([eE][+-]?[0-9]{1,2})?$`)

// fromEpoch takes the number of units since 1970 in UTC. A time between two nanoseconds is refused: it would be
// stored as another one.
func fromEpoch(unit time.Duration) func(any) (any, error) {
	return func(wire any) (any, error) {
		text, ok := wire.(string)
		if n, is := wire.(json.Number); is {
			text, ok = n.String(), true
		}
		units, read := new(big.Rat), false
		if ok && number.MatchString(text) {
			units, read = units.SetString(text)
		}
		if !read {
			return nil, fmt.Errorf("must be a number of %s since 1970", map[time.Duration]string{time.Second: "seconds", time.Millisecond: "milliseconds", time.Microsecond: "microseconds"}[unit])
		}
		nanos := units.Mul(units, new(big.Rat).SetInt64(int64(unit)))
		if !nanos.IsInt() {
			return nil, errNano
		}
		seconds, rest := new(big.Int).DivMod(nanos.Num(), big.NewInt(int64(time.Second)), new(big.Int))
		if !seconds.IsInt64() {
			return nil, errRange
		}
		at := time.Unix(seconds.Int64(), rest.Int64()).UTC()
		if at.Year() < 1 || at.Year() > 9999 || at.Unix() != seconds.Int64() {
			return nil, errRange
		}
		return at.Format(time.RFC3339Nano), nil
	}
}

// quoteText makes a text the text of a JSON document that is a string. Other values are what they are.
func quoteText(wire any) (any, error) {
	text, ok := wire.(string)
	if !ok {
		return wire, nil
	}
	if !utf8.ValidString(text) {
		return nil, errText
	}
	quoted, err := json.Marshal(text)
	if err != nil {
		return nil, fmt.Errorf("write a text as JSON: %w", err)
	}
	return string(quoted), nil
}

var offset = regexp.MustCompile(`^([+-])([01][0-9]|2[0-3]):([0-5][0-9])$`)

// readZone reads the name of a time zone, such as Europe/Berlin, or a fixed offset, such as +02:00.
func readZone(name string) (*time.Location, error) {
	if m := offset.FindStringSubmatch(name); m != nil {
		hours, _ := strconv.Atoi(m[2])
		minutes, _ := strconv.Atoi(m[3])
		seconds := hours*3600 + minutes*60
		if m[1] == "-" {
			seconds = -seconds
		}
		return time.FixedZone(name, seconds), nil
	}
	zone, err := time.LoadLocation(name)
	if err != nil || name == "Local" {
		return nil, fmt.Errorf("unknown time zone %q: it has a name such as Europe/Berlin, or is an offset such as +02:00", name)
	}
	return zone, nil
}

// wallClocks are the forms of a time without a zone. Fractions of a second fit behind each second.
var wallClocks = []string{"2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02T15:04", "2006-01-02 15:04", time.DateOnly}

// inZone takes times without a zone to be of that one. What has a zone of its own, or is no time at all, is left as
// it is, and so are the first and the last time that the sync service sends for the infinities. Of a local time that
// comes twice, when clocks are set back, it is the first; one that never comes is refused.
func inZone(zone *time.Location) func(any) (any, error) {
	return func(wire any) (any, error) {
		text, ok := wire.(string)
		if !ok || strings.HasPrefix(text, "0000-01-01") || strings.HasPrefix(text, "9999-12-31") {
			return wire, nil
		}
		for _, form := range wallClocks {
			clock, err := time.Parse(form, text)
			if err != nil {
				continue
			}
			at, there := local(clock, zone)
			if !there {
				return nil, fmt.Errorf("must be a time that there is in the time zone %s: clocks are set forward past this one", zone)
			}
			return at.UTC().Format(time.RFC3339Nano), nil
		}
		return wire, nil
	}
}

// local is the first instant at which clocks of a zone show what one of UTC shows at the given one.
func local(clock time.Time, zone *time.Location) (first time.Time, there bool) {
	for _, near := range []time.Duration{-24 * time.Hour, 24 * time.Hour} {
		_, ahead := clock.Add(near).In(zone).Zone()
		at := clock.Add(-time.Duration(ahead) * time.Second)
		if _, then := at.In(zone).Zone(); then == ahead && (!there || at.Before(first)) {
			first, there = at, true
		}
	}
	return first, there
}

// decoding is what becomes of a wire value before the driver converts it, which is the usual unless the file says
// something else. Nil leaves it as it is.
func (c *columnSpec) decoding(usual func(any) (any, error)) func(any) (any, error) {
	decode := usual
	switch {
	case c.zone != nil:
		decode = inZone(c.zone)
	case c.encoding.text != "":
		decode = encodings[c.encoding.text].decode
	}
	if c.emptyString.text != "null" {
		return decode
	}
	return func(wire any) (any, error) {
		if wire == "" {
			return nil, nil
		}
		if decode == nil {
			return wire, nil
		}
		return decode(wire)
	}
}
