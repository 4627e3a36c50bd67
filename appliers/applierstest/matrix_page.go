package applierstest

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"writegate"
)

// wire makes the wire value of an Accept or a Refuse.
func wire(v any) any {
	switch v := v.(type) {
	case int:
		return json.Number(strconv.Itoa(v))
	case int64:
		return json.Number(strconv.FormatInt(v, 10))
	case uint64:
		return json.Number(strconv.FormatUint(v, 10))
	case float64:
		return json.Number(strconv.FormatFloat(v, 'g', -1, 64))
	}
	return v
}

// text is a wire value as JSON has it.
func (m *typeRun) text(v any) string {
	switch v := wire(v).(type) {
	case json.Number:
		return string(v)
	case writegate.JSON:
		return string(v)
	case string:
		if !utf8.ValidString(v) {
			return strconv.QuoteToASCII(v)
		}
		var b strings.Builder
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(false)
		if err := e.Encode(v); err != nil {
			m.t.Fatal(err)
		}
		return strings.TrimSuffix(b.String(), "\n")
	default:
		b, err := json.Marshal(v)
		if err != nil {
			m.t.Fatal(err)
		}
		return string(b)
	}
}

// golden looks at what would be sent.
func (m *typeRun) golden() {
	m.col = m.Golden.Column(m.t, m.c)
	m.seen.kind = m.col.Type
	if m.col.ReadOnly != m.c.Dropped {
		m.t.Fatalf("the column is read-only: %v, want %v", m.col.ReadOnly, m.c.Dropped)
	}
	for _, a := range m.c.Accepts {
		row := typeRow{sent: m.text(a.Wire), stored: a.Stored}
		if m.seen.accepted = append(m.seen.accepted, row); m.c.Dropped {
			continue
		}
		v, ok := m.convert(a)
		if !ok {
			continue
		}
		if got := m.Golden.Sent(m.t, m.col, v); got != a.Stored {
			m.t.Errorf("%s is sent as %s, want %s", row.sent, got, a.Stored)
		}
	}
	for _, r := range m.c.Refuses {
		if v, err := m.col.Convert(wire(r.Wire)); err == nil {
			m.t.Errorf("%s is converted to %#v", m.text(r.Wire), v)
		}
		m.seen.refused = append(m.seen.refused, typeRow{sent: m.text(r.Wire), stored: string(writegate.InvalidData) + ", by the driver"})
	}
}

// typesSection writes what was seen as a table.
func typesSection(h TypeHarness, seen []*typeSeen) string {
	var b strings.Builder
	fmt.Fprintf(&b, "## %s\n\n", h.Title)
	if h.Golden != nil {
		b.WriteString("**golden only**: no server was at hand. What is stored is the text that would be sent, not what a server made of it.\n\n")
		b.WriteString("| type | a client sends | is sent as |\n|---|---|---|\n")
	} else {
		fmt.Fprintf(&b, "%s %s.\n\n", seenOn, h.Version)
		b.WriteString("| type | a client sends | the database has | goes down as |\n|---|---|---|---|\n")
	}
	line := func(cells ...string) {
		if h.Golden != nil {
			cells = cells[:3]
		}
		b.WriteString("| " + strings.Join(cells, " | ") + " |\n")
	}
	for _, s := range seen {
		head := []string{code(s.c.Native), s.kind.String()}
		if s.c.Column.Type != "" {
			head = append(head, "`type: "+s.c.Column.Type+"`")
		}
		if s.c.Note != "" {
			head = append(head, s.c.Note)
		}
		if s.c.OneWay != "" {
			head = append(head, "one way: "+s.c.OneWay)
		}
		first := strings.Join(head, "; ")
		for i, r := range s.accepted {
			stored, down := code(r.stored), "not sent"
			if s.c.Dropped {
				stored = "dropped; the database makes " + stored
			}
			if r.down != "" {
				down = value(r.down)
			}
			if reason := s.c.Accepts[i].OneWay; reason != "" {
				down += ", one way: " + reason
			}
			line(first, value(r.sent), stored, down)
			first = ""
		}
		for _, r := range s.refused {
			line(first, value(r.sent), "**refused**: "+r.stored, "")
			first = ""
		}
	}
	b.WriteString("\n")
	return b.String()
}

// seenOn begins the line that two runs may differ in.
const seenOn = "Seen on"

// value writes a value as JSON has it, or, where JSON would only clutter it, the text that it is.
func value(text string) string {
	var plain string
	if strings.Contains(text, `\"`) && json.Unmarshal([]byte(text), &plain) == nil {
		return code(plain) + " as text"
	}
	return code(text)
}

// code writes text as a code span that a cell of a table can hold.
func code(text string) string {
	const most = 90
	if n := utf8.RuneCountInString(text); n > most {
		return code(string([]rune(text)[:most/2])) + fmt.Sprintf("… (%d characters)", n)
	}
	text = strings.NewReplacer("|", `\|`, "\n", `\n`, "\r", `\r`, "\t", `\t`, "\x00", `\0`).Replace(text)
	if text == "" {
		return "*empty*"
	}
	fence := "`"
	for strings.Contains(text, fence) {
		fence += "`"
	}
	if len(fence) > 1 || strings.HasPrefix(text, " ") || strings.HasSuffix(text, " ") {
		return fence + " " + text + " " + fence
	}
	return fence + text + fence
}

// page is a page of the documentation of which each driver's test owns a section.
type page struct {
	path, name string
	update     bool
}

// hold compares the section with what it should be, or replaces it.
func (p page) hold(t *testing.T, section string) {
	t.Helper()
	if p.update {
		defer p.lock(t)()
	}
	text, err := os.ReadFile(p.path)
	if err != nil {
		t.Fatal(err)
	}
	begin, end := "<!-- begin "+p.name+" -->\n", "<!-- end "+p.name+" -->"
	before, rest, ok := strings.Cut(string(text), begin)
	old, after, closed := strings.Cut(rest, end)
	switch {
	case ok != closed:
		t.Fatalf("%s has only one of %q and %q", p.path, begin, end)
	case !p.update && sameSection(old, section):
		return
	case !p.update:
		t.Errorf("the section %s of %s is not what the cases show: run this test with -update", p.name, p.path)
		return
	case !ok:
		before, after = strings.TrimRight(string(text), "\n")+"\n\n", "\n"
	}
	if err := os.WriteFile(p.path, []byte(before+begin+section+end+after), 0o600); err != nil {
		t.Fatal(err)
	}
}

// sameSection compares without the line that says which version it was.
func sameSection(a, b string) bool { return withoutVersion(a) == withoutVersion(b) }

func withoutVersion(section string) string {
	var b strings.Builder
	for line := range strings.Lines(section) {
		if !strings.HasPrefix(line, seenOn) {
			b.WriteString(line)
		}
	}
	return b.String()
}

// lock keeps the tests of other drivers, which go test runs beside this one, from the page.
func (p page) lock(t *testing.T) (unlock func()) {
	t.Helper()
	path := p.path + ".lock"
	for begun := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL, 0o600)
		if err == nil {
			return func() {
				if err := errors.Join(f.Close(), os.Remove(path)); err != nil {
					t.Error(err)
				}
			}
		}
		if !errors.Is(err, fs.ErrExist) || time.Since(begun) > 20*time.Second {
			t.Fatal(err)
		}
	}
}
