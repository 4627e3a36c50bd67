package postgres

import (
	"errors"
	"strings"
)

var errLiteral = errors.New("must be a well-formed array or row")

// maxNesting bounds the dimensions of an array; Postgres has six.
const maxNesting = 6

// bare is one element or field of a text form: the input text of its type.
type bare string

// parseArrayLiteral reads the text form of an array, such as {1,NULL,"a b"} or {{1,2},{3,4}}. Elements are
// bare, inner arrays or nil.
func parseArrayLiteral(text string) ([]any, error) {
	p := literal{text: text}
	list, err := p.array(1)
	if err != nil {
		return nil, err
	}
	if p.skip(); p.at != len(p.text) {
		return nil, errLiteral
	}
	return list, nil
}

type literal struct {
	text string
	at   int
}

func (p *literal) skip() {
	for p.at < len(p.text) && strings.IndexByte(" \t\r\n", p.text[p.at]) >= 0 {
		p.at++
	}
}

func (p *literal) take(c byte) bool {
	if p.at < len(p.text) && p.text[p.at] == c {
		p.at++
		return true
	}
	return false
}

func (p *literal) array(depth int) ([]any, error) {
	list := []any{}
	if !p.take('{') || depth > maxNesting {
		return nil, errLiteral
	}
	if p.skip(); p.take('}') {
		return list, nil
	}
	for {
		p.skip()
		if p.at < len(p.text) && p.text[p.at] == '{' {
			nested, err := p.array(depth + 1)
			if err != nil {
				return nil, err
			}
			list = append(list, nested)
		} else {
			word, quoted, err := p.word(`,{}`)
			if err != nil || word == "" && !quoted {
				return nil, errLiteral
			}
			if strings.EqualFold(word, "null") && !quoted {
				list = append(list, nil)
			} else {
				list = append(list, bare(word))
			}
		}
		p.skip()
		if p.take('}') {
			return list, nil
		}
		if !p.take(',') {
			return nil, errLiteral
		}
	}
}

// word reads up to one of the bytes of stop that is neither quoted nor escaped. In rows, blanks count and a
// doubled quotation mark is one; both hold here too, but blanks at the end of an unquoted word don't count.
func (p *literal) word(stop string) (_ string, quoted bool, err error) {
	var out strings.Builder
	inside := false
	for ; p.at < len(p.text); p.at++ {
		switch c := p.text[p.at]; {
		case c == '\\':
			if p.at++; p.at == len(p.text) {
				return "", false, errLiteral
			}
			out.WriteByte(p.text[p.at])
			quoted = true
		case c == '"' && inside && strings.HasPrefix(p.text[p.at+1:], `"`):
			out.WriteByte('"')
			p.at++
		case c == '"':
			inside, quoted = !inside, true
		case !inside && strings.IndexByte(stop, c) >= 0:
			if quoted {
				return out.String(), true, nil
			}
			return strings.TrimRight(out.String(), " \t\r\n"), false, nil
		default:
			out.WriteByte(c)
		}
	}
	return "", false, errLiteral
}

// parseRow reads the text form of a composite value, such as ("a b",,3). Fields are bare or nil.
func parseRow(text string) ([]any, error) {
	p := literal{text: text}
	if !p.take('(') {
		return nil, errLiteral
	}
	var fields []any
	for {
		word, quoted, err := p.word(",)")
		if err != nil {
			return nil, err
		}
		if word == "" && !quoted {
			fields = append(fields, nil)
		} else {
			fields = append(fields, bare(word))
		}
		if p.take(')') {
			if p.at != len(p.text) {
				return nil, errLiteral
			}
			return fields, nil
		}
		p.at++ // the comma
	}
}

// quoteField writes a field of a row as Postgres does.
func quoteField(s string) string {
	if s != "" && !strings.ContainsAny(s, "\"\\(), \t\n\r\v\f") {
		return s
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `""`).Replace(s) + `"`
}

// quoteBound writes a bound of a range as Postgres does.
func quoteBound(s string) string {
	if s != "" && !strings.ContainsAny(s, "\"\\()[], \t\n\r\v\f") {
		return s
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `""`).Replace(s) + `"`
}
