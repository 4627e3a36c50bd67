package applierstest

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"writegate"
	"writegate/policy"
)

// A script is a text of commands, each with its input and, behind a line of four dashes, its expected output:
//
//	needs FEATURE     skips the script where the database is without it
//	tables            one table a line: name column:type... (see parseTable)
//	policy            a policy in YAML; "policy permissive" has no input and allows everything
//	upload USER DEVICE [option...]
//	                  one operation a line: TX OP KIND TABLE/ID [JSON] [old=JSON] [meta=JSON], with the previous values
//	                  and the metadata behind the columns. A dash is no device, TX or OP.
//	                  Options: stop; chunk=N; times=N sends the upload N times in a row; together=N sends it
//	                  N times at once; lost commits but tells the pipeline that the database went away;
//	                  claims=JSON are those of the token besides sub; told prints in words what the device is told of
//	                  each transaction, and what the database was asked for it.
//	again USER [option...]
//	                  the last upload once more, under a user's name
//	rows TABLE        the table's rows
//	letters           the dead letters
//	settled DEVICE    how many ledger rows and refusals there are for a device
//
// Blank lines separate commands; lines that begin with # outside of an input are comments.
type script struct {
	path  string
	steps []*step
}

type step struct {
	comments []string
	command  string
	input    []string
	want     string
}

const divider = "----"

func readScript(t *testing.T, path string) *script {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	s := &script{path: path}
	var now *step
	var comments, output []string
	inOutput := false
	flush := func() {
		if now != nil {
			now.want = strings.Join(output, "\n")
			s.steps = append(s.steps, now)
		}
		now, output, inOutput = nil, nil, false
	}
	for line := range strings.SplitSeq(string(text), "\n") {
		switch {
		case line == divider:
			inOutput = true
		case inOutput && line == "":
			flush()
		case inOutput:
			output = append(output, line)
		case now != nil:
			now.input = append(now.input, line)
		case line == "" || strings.HasPrefix(line, "#"):
			comments = append(comments, line)
		default:
			now, comments = &step{comments: comments, command: line}, nil
		}
	}
	flush()
	return s
}

func (s *script) write(t *testing.T) {
	t.Helper()
	var b strings.Builder
	for _, st := range s.steps {
		for _, c := range st.comments {
			b.WriteString(c + "\n")
		}
		b.WriteString(strings.Join(append([]string{st.command}, st.input...), "\n") + "\n" + divider + "\n")
		if st.want != "" {
			b.WriteString(st.want + "\n")
		}
		b.WriteString("\n")
	}
	text := strings.TrimRight(b.String(), "\n") + "\n"
	if err := os.WriteFile(s.path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// scripts runs every script of a folder on a database of its own.
func (s *suite) scripts(t *testing.T, folder string) {
	for _, path := range scriptsIn(t, folder) {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txt"), func(t *testing.T) {
			sc := readScript(t, path)
			p := &player{s: s, t: t}
			for _, st := range sc.steps {
				got := p.play(st)
				if t.Failed() {
					return
				}
				if s.Update {
					st.want = got
				} else if want := s.cut(st.want); got != want {
					t.Errorf("%s\n%s\ngives\n%s\nwant\n%s", st.command, strings.Join(st.input, "\n"), got, want)
				}
			}
			if s.Update {
				sc.write(t)
			}
		})
	}
}

func scriptsIn(t *testing.T, folder string) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(folder, "*.txt"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no scripts in %s: %v", folder, err)
	}
	return paths
}

// player runs the steps of one script.
type player struct {
	s    *suite
	t    *testing.T
	db   *database
	pol  writegate.Policy
	last *writegate.Upload
}

func (p *player) play(st *step) string {
	p.t.Helper()
	words := strings.Fields(st.command)
	switch words[0] {
	case "needs":
		p.s.need(p.t, Feature(strings.Join(words[1:], " ")))
		return ""
	case "tables":
		defs := make([]TableDef, len(st.input))
		for i, line := range st.input {
			def, err := parseTable(line)
			if err != nil {
				p.t.Fatalf("%s: %v", line, err)
			}
			defs[i] = def
			for _, f := range def.ForeignKeys {
				p.s.need(p.t, ForeignKeys)
				if f.Deferred {
					p.s.need(p.t, Deferred)
				}
			}
			if len(def.Checks) > 0 {
				p.s.need(p.t, Checks)
			}
			if slices.ContainsFunc(def.Columns, func(c ColumnDef) bool { return c.Default != nil }) {
				p.s.need(p.t, Defaults)
			}
		}
		p.db = p.s.open(p.t, defs...)
		return ""
	case "policy":
		p.pol = p.policy(words[1:], strings.Join(st.input, "\n")+"\n")
		return ""
	case "upload":
		p.last = p.parseUpload(words[2], st.input)
		return p.send(words[1], words[3:])
	case "again":
		return p.send(words[1], words[2:])
	case "rows":
		return p.db.content(words[1])
	case "settled":
		c := p.db.claimed(writegate.Claim{ClientID: words[1], Subject: "nobody", First: 1, Last: 1 << 62})
		return fmt.Sprintf("%d runs, %d refusals", len(c.Runs), len(c.Refusals))
	case "letters":
		p.s.need(p.t, ReadsBack)
		letters, err := p.db.DeadLetters(p.t.Context())
		p.db.no(err)
		var lines []string
		for _, l := range letters {
			lines = append(lines, fmt.Sprintf("%s operation %d seen %d: %s", l.Code, l.OpIndex, l.Seen, l.Body))
		}
		slices.Sort(lines)
		return strings.Join(lines, "\n")
	}
	p.t.Fatalf("no command %s", words[0])
	return ""
}

func (p *player) policy(args []string, text string) writegate.Policy {
	p.t.Helper()
	if len(args) == 1 && args[0] == "permissive" {
		return policy.Permissive(p.db.schema)
	}
	source, err := policy.Parse(p.t.Name()+".yaml", []byte(text))
	p.db.no(err)
	refs := source.Tables()
	for i := range refs {
		if refs[i].Source == "" {
			refs[i].Source = refs[i].Name
		}
		if p.db.Declare != nil {
			p.db.Declare(refs[i].Source, &refs[i])
		}
		if p.db.Source != nil {
			refs[i].Source = p.db.Source(refs[i].Source)
		}
	}
	schema, err := p.db.Applier.Schema(p.t.Context(), refs)
	p.db.no(err)
	bundle, err := source.Bind(schema)
	p.db.no(err)
	return bundle
}

// options of upload and again.
type options struct {
	stop, lost      bool
	told            bool
	chunk           int
	times, together int
	claims          map[string]any
}

func (p *player) options(words []string) options {
	p.t.Helper()
	o := options{times: 1}
	for _, word := range words {
		name, value, _ := strings.Cut(word, "=")
		n, err := strconv.Atoi(value)
		switch {
		case word == "stop":
			o.stop = true
		case word == "lost":
			o.lost = true
		case word == "told":
			o.told = true
		case name == "claims":
			dec := json.NewDecoder(strings.NewReader(value))
			dec.UseNumber()
			p.db.no(dec.Decode(&o.claims))
		case name == "chunk" && err == nil:
			o.chunk = n
		case name == "times" && err == nil:
			o.times = n
		case name == "together" && err == nil:
			o.together = n
		default:
			p.t.Fatalf("no option %s", word)
		}
	}
	return o
}
