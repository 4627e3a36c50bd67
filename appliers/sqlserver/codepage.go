package sqlserver

import (
	"fmt"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/korean"
	"golang.org/x/text/encoding/simplifiedchinese"
)

// page is the code page of a collation, in which a column without n in front of its type keeps text. The server
// puts a question mark or a similar letter in place of what the page does not have, and says nothing.
type page struct {
	utf8   bool
	single *charmap.Charmap
	double encoding.Encoding
}

const pageUTF8 = 65001

var (
	singles = map[int]*charmap.Charmap{
		437: charmap.CodePage437, 850: charmap.CodePage850, 874: charmap.Windows874, 1250: charmap.Windows1250, 1251: charmap.Windows1251, 1252: charmap.Windows1252,
		1253: charmap.Windows1253, 1254: charmap.Windows1254, 1255: charmap.Windows1255, 1256: charmap.Windows1256, 1257: charmap.Windows1257, 1258: charmap.Windows1258,
	}
	doubles = map[int]encoding.Encoding{932: japanese.ShiftJIS, 936: simplifiedchinese.GBK, 949: korean.EUCKR}
)

// codePage returns a page by its number. Of 950, which has several versions, only ASCII is taken.
func codePage(number int) (page, error) {
	p := page{utf8: number == pageUTF8, single: singles[number], double: doubles[number]}
	if !p.utf8 && p.single == nil && p.double == nil && number != 950 {
		return p, fmt.Errorf("code page %d is not known; an nvarchar column has none", number)
	}
	return p, nil
}

// length counts the bytes that a text takes, or returns -1 when the page lacks one of its characters.
func (p page) length(s string) int {
	if p.utf8 {
		return len(s)
	}
	n := 0
	for _, r := range s {
		size := p.size(r)
		if size == 0 {
			return -1
		}
		n += size
	}
	return n
}

// size is the number of bytes of one character, 0 when the page lacks it. Control characters above ASCII stand for
// bytes that have no character; tables differ in them.
func (p page) size(r rune) int {
	switch {
	case r < utf8.RuneSelf:
		return 1
	case r < 0xa0:
		return 0
	case p.single != nil:
		b, ok := p.single.EncodeRune(r)
		if !ok || p.single.DecodeByte(b) != r {
			return 0
		}
		return 1
	case p.double != nil:
		b, err := p.double.NewEncoder().String(string(r))
		if err != nil || len(b) > 2 {
			return 0
		}
		if back, err := p.double.NewDecoder().String(b); err != nil || back != string(r) {
			return 0
		}
		return len(b)
	}
	return 0
}
