package mongodb

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"go.mongodb.org/mongo-driver/v2/bson"

	"writegate"
)

var (
	errText     = errors.New("must be text in valid UTF-8")
	errObjectID = errors.New("must be an ObjectId of 24 hexadecimal digits")
	errUUID     = errors.New("must be a UUID")
	errBinary   = errors.New(`must be bytes in hexadecimal digits, such as \x00ff`)
	errDate     = errors.New("must be a timestamp such as 2026-08-21T14:29:30.123Z")
	errAny      = errors.New("must be text, a number that 64 bits hold, or a boolean: the type of the field is not known, the configuration may declare it")
)

func toText(v any) (any, error) {
	var text string
	switch v := v.(type) {
	case string:
		text = v
	case json.Number:
		text = v.String()
	case bool:
		text = strconv.FormatBool(v)
	case int64:
		text = strconv.FormatInt(v, 10)
	case float64:
		text = strconv.FormatFloat(v, 'g', -1, 64)
	case writegate.JSON:
		text = string(v)
	case time.Time:
		text = v.UTC().Format(time.RFC3339Nano)
	default:
		return nil, errText
	}
	if !utf8.ValidString(text) {
		return nil, errText
	}
	return text, nil
}

func enumConverter(values []string) func(any) (any, error) {
	return func(v any) (any, error) {
		text, err := toText(v)
		if err != nil || !slices.Contains(values, text.(string)) {
			return nil, fmt.Errorf("must be one of %s", strings.Join(values, ", "))
		}
		return text, nil
	}
}

func toObjectID(v any) (any, error) {
	text, ok := v.(string)
	if !ok {
		return nil, errObjectID
	}
	id, err := bson.ObjectIDFromHex(text)
	if err != nil {
		return nil, errObjectID
	}
	return id.Hex(), nil
}

func storeObjectID(v any) any {
	id, _ := bson.ObjectIDFromHex(v.(string)) // converted already
	return id
}

// toUUID takes upper and lower case, with and without hyphens.
func toUUID(v any) (any, error) {
	text, ok := v.(string)
	if !ok {
		return nil, errUUID
	}
	data, err := uuidBytes(text)
	if err != nil {
		return nil, errUUID
	}
	return uuidText(data), nil
}

func uuidBytes(text string) ([]byte, error) {
	if len(text) == 36 && text[8] == '-' && text[13] == '-' && text[18] == '-' && text[23] == '-' {
		text = text[:8] + text[9:13] + text[14:18] + text[19:23] + text[24:]
	}
	data, err := hex.DecodeString(text)
	if err != nil || len(data) != 16 {
		return nil, errUUID
	}
	return data, nil
}

func uuidText(data []byte) string {
	text := hex.EncodeToString(data)
	return text[:8] + "-" + text[8:12] + "-" + text[12:16] + "-" + text[16:20] + "-" + text[20:]
}

func storeUUID(v any) any {
	data, _ := uuidBytes(v.(string)) // converted already
	return bson.Binary{Subtype: bson.TypeBinaryUUID, Data: data}
}

// toBinary takes hexadecimal digits, with or without what marks them as such.
func toBinary(v any) (any, error) {
	if b, ok := v.(writegate.Bytes); ok {
		return b, nil
	}
	text, ok := v.(string)
	if !ok {
		return nil, errBinary
	}
	for _, mark := range []string{`\x`, "0x"} {
		text = strings.TrimPrefix(text, mark)
	}
	data, err := hex.DecodeString(text)
	if err != nil {
		return nil, errBinary
	}
	return writegate.Bytes(data), nil
}

func storeBinary(v any) any { return bson.Binary{Data: []byte(v.(writegate.Bytes))} }

// timeForm is a day, optionally with a time of day, optionally with a zone.
var timeForm = regexp.MustCompile(`^(\d{4}-\d{2}-\d{2})(?:[Tt ](\d{2}:\d{2})(?::(\d{2})([.,]\d+)?)?\s?(?:([Zz])|([+-]\d{2})(?::?(\d{2}))?)?)?$`)

// toDate reads every form of time that clients and the sync service write; without a zone it is UTC. Digits behind
// the millisecond are cut off, as the service does on the way down, and never rounded.
func toDate(v any) (any, error) {
	if at, ok := v.(time.Time); ok {
		return at.UTC().Truncate(time.Millisecond), nil
	}
	text, ok := v.(string)
	if !ok {
		return nil, errDate
	}
	at, err := parseTime(strings.TrimSpace(text))
	if err != nil {
		return nil, err
	}
	return at, nil
}

func parseTime(text string) (time.Time, error) {
	m := timeForm.FindStringSubmatch(text)
	if m == nil {
		return time.Time{}, errDate
	}
	clock, seconds, fraction, zone := m[2], m[3], m[4], "Z"
	if clock == "" {
		clock = "00:00"
	}
	if seconds == "" {
		seconds = "00"
	}
	if len(fraction) > 4 {
		fraction = fraction[:4]
	}
	if m[6] != "" {
		if zone = m[6] + ":00"; m[7] != "" {
			zone = m[6] + ":" + m[7]
		}
	}
	at, err := time.Parse(time.RFC3339Nano, m[1]+"T"+clock+":"+seconds+strings.Replace(fraction, ",", ".", 1)+zone)
	if at = at.UTC(); err != nil || at.Year() < 0 || at.Year() > 9999 {
		return time.Time{}, errDate
	}
	return at, nil
}

// toAny takes values for a field whose type nobody knows, as they are.
func toAny(v any) (any, error) {
	switch v := v.(type) {
	case bool, int64, float64, time.Time, writegate.Bytes:
		return v, nil
	case string:
		return toText(v)
	case json.Number:
		if i, err := toInt64(v); err == nil && !strings.ContainsAny(v.String(), ".eE") {
			return i, nil
		}
		if f, err := toFloat(v); err == nil {
			return f, nil
		}
	}
	return nil, errAny
}

func storeAny(v any) any {
	switch v := v.(type) {
	case int64:
		return storeInteger(v)
	case time.Time:
		return bson.NewDateTimeFromTime(v)
	case writegate.Bytes:
		return storeBinary(v)
	}
	return v
}

// sameAny compares as a device sees it: an ObjectId is its text, a whole double an integer.
func sameAny(a, b any) bool {
	if at, ok := a.(time.Time); ok {
		if text, ok := b.(string); ok {
			other, err := toDate(text)
			return err == nil && writegate.SameValue(at, other)
		}
	}
	if text, ok := b.(string); ok {
		if data, isBytes := a.(writegate.Bytes); isBytes {
			other, err := toBinary(text)
			return err == nil && other == data
		}
		return a == b
	}
	switch a := a.(type) {
	case int64, float64:
		return sameDecimal(a, b)
	case bool:
		return numeric(a) == numeric(b)
	}
	return writegate.SameValue(a, b)
}
