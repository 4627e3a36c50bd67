package sqlserver

import (
	"cmp"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"writegate"
)

var errXML = errors.New("must be well-formed XML without a document type")

// declaration is that of an XML document. What travels is UTF-16 whatever it says, and the server keeps none.
var declaration = regexp.MustCompile(`^\s*<\?xml\s[^?]*\?>`)

// toXML takes a document or a fragment of one, and leaves its declaration out.
func toXML(v any) (any, error) {
	s, err := toText(v)
	if err != nil {
		return nil, errXML
	}
	s = declaration.ReplaceAllString(strings.TrimPrefix(s, "\uFEFF"), "")
	if _, err := xmlEvents(s); err != nil {
		return nil, errXML
	}
	return s, nil
}

// xmlEvents returns what a text of XML says, without what the server changes: the kind of quotes and of empty
// elements, the order of attributes, references to characters, declarations of namespaces that are repeated.
func xmlEvents(s string) ([]string, error) {
	in := xml.NewDecoder(strings.NewReader(s))
	in.Strict = true
	var events []string
	text, depth := "", 0
	flush := func() {
		if text != "" {
			events = append(events, "text "+strconv.Quote(text))
		}
		text = ""
	}
	for {
		token, err := in.Token()
		if errors.Is(err, io.EOF) && depth == 0 {
			flush()
			return events, nil
		}
		if err != nil {
			return nil, fmt.Errorf("reading XML: %w", err)
		}
		switch token := token.(type) {
		case xml.CharData:
			text += strings.ReplaceAll(string(token), "\r\n", "\n")
			continue
		case xml.StartElement:
			flush()
			depth++
			events = append(events, "start "+name(token.Name))
			attributes := make([]string, 0, len(token.Attr))
			for _, a := range token.Attr {
				if a.Name.Space != "xmlns" && a.Name.Local != "xmlns" {
					attributes = append(attributes, "attribute "+name(a.Name)+" "+strconv.Quote(a.Value))
				}
			}
			slices.Sort(attributes)
			events = append(events, attributes...)
		case xml.EndElement:
			flush()
			depth--
			events = append(events, "end")
		case xml.Comment:
			flush()
			events = append(events, "comment "+strconv.Quote(string(token)))
		case xml.ProcInst:
			flush()
			events = append(events, "instruction "+token.Target+" "+strconv.Quote(string(token.Inst)))
		case xml.Directive:
			return nil, errXML
		}
	}
}

func name(n xml.Name) string { return strconv.Quote(n.Space) + ":" + n.Local }

func sameXML(a, b any) bool {
	x, xOK := a.(string)
	y, yOK := b.(string)
	if !xOK || !yOK || x == y {
		return xOK && yOK
	}
	ex, errX := xmlEvents(x)
	ey, errY := xmlEvents(y)
	return errX == nil && errY == nil && slices.Equal(ex, ey)
}

var (
	errWKT = errors.New("must be well-known text such as POINT (4.9 52.4), possibly behind SRID=4326;")
	wkt    = regexp.MustCompile(`^(?:SRID=(\d{1,6});)?([A-Z][A-Z0-9 (),.+-]*)$`)
	wktBit = regexp.MustCompile(`[A-Z]+|[(),]|[+-]?(?:\d+\.?\d*|\.\d+)(?:E[+-]?\d+)?`)
)

// wktCodec has a shape travel as well-known text behind the number of its reference system.
func wktCodec(base string) *codec {
	srid := map[string]string{"geometry": "0", "geography": "4326"}[base]
	return &codec{
		kind: writegate.Other, same: sameWKT, synced: asIs,
		convert: func(v any) (any, error) {
			s, ok := v.(string)
			m := wkt.FindStringSubmatch(strings.ToUpper(strings.TrimSpace(s)))
			if !ok || m == nil {
				return nil, errWKT
			}
			number, _ := strconv.Atoi(cmp.Or(m[1], srid)) // at most six digits
			return "SRID=" + strconv.Itoa(number) + ";" + m[2], nil
		},
		expr: func(source string) string {
			return base + "::STGeomFromText(SUBSTRING(" + source + ", CHARINDEX(N';', " + source + ") + 1, LEN(" + source + ")), CONVERT(int, SUBSTRING(" + source + ", 6, CHARINDEX(N';', " + source + ") - 6)))"
		},
		selected: func(column string) string {
			return "N'SRID=' + CONVERT(nvarchar(10), " + column + ".STSrid) + N';' + " + column + ".AsTextZM()"
		},
	}
}

// sameWKT compares words and numbers.
func sameWKT(a, b any) bool {
	x, y := wktBit.FindAllString(strings.ToUpper(textOr(a)), -1), wktBit.FindAllString(strings.ToUpper(textOr(b)), -1)
	return slices.EqualFunc(x, y, func(p, q string) bool {
		if p == q {
			return true
		}
		f, errF := strconv.ParseFloat(p, 64)
		g, errG := strconv.ParseFloat(q, 64)
		return errF == nil && errG == nil && f == g
	})
}
