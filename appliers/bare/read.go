package bare

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"writegate"
)

// File is what was in a file of dead letters when it was opened. Of the letters it holds all but the bodies.
type File struct {
	path    string
	letters []writegate.StoredLetter // in the order of At and ID
	starts  map[string]int64         // where the first line of each begins
	broken  int
}

// OpenFile reads a file of dead letters. Lines of one refusal are one letter, seen as often.
func OpenFile(path string) (_ *File, err error) {
	from, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, from.Close()) }()
	f := &File{path: path, starts: map[string]int64{}}
	if err := f.read(from); err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return f, nil
}

func (f *File) read(from io.Reader) error {
	in, at := bufio.NewReader(from), int64(0)
	places := map[string]int{}
	for {
		text, err := in.ReadBytes('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		line, ok := parse(text)
		switch place, known := places[line.ID]; {
		case !ok:
			if len(text) > 1 {
				f.broken++
			}
		case known:
			line.again(&f.letters[place])
		default:
			l := line.Letter()
			l.Body = nil
			places[l.ID], f.starts[l.ID] = len(f.letters), at
			f.letters = append(f.letters, l)
		}
		if err != nil {
			slices.SortFunc(f.letters, func(a, b writegate.StoredLetter) int { return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.ID, b.ID)) })
			return nil
		}
		at += int64(len(text))
	}
}

// parse reads a line, and reports whether it is one.
func parse(text []byte) (line Line, ok bool) {
	err := json.Unmarshal(text, &line)
	return line, err == nil && line.ID != ""
}

// Broken counts the lines that were no dead letters, as those that were broken off.
func (f *File) Broken() int { return f.broken }

// Letters lists dead letters as writegate.Keeper does.
func (f *File) Letters(_ context.Context, q writegate.LetterQuery, most int) ([]writegate.StoredLetter, error) {
	var found []writegate.StoredLetter
	for i := range f.letters {
		if len(found) == most {
			break
		}
		if meant(&q, &f.letters[i]) {
			found = append(found, f.letters[i])
		}
	}
	return found, nil
}

func meant(q *writegate.LetterQuery, l *writegate.StoredLetter) bool {
	is := func(want, got string) bool { return want == "" || want == got }
	return is(string(q.State), string(l.State)) && is(q.ClientID, l.ClientID) && is(q.Subject, l.Subject) &&
		is(q.Table, l.Table) && is(q.Reason, l.Reason) && is(string(q.Code), string(l.Code)) &&
		!l.At.Before(q.From) && (q.To.IsZero() || l.At.Before(q.To)) &&
		(q.AfterAt.IsZero() || cmp.Or(l.At.Compare(q.AfterAt), cmp.Compare(l.ID, q.AfterID)) > 0)
}

// Letter returns a dead letter with its body, as its first line has it, and nil when there is none.
func (f *File) Letter(_ context.Context, id string) (_ *writegate.StoredLetter, err error) {
	place := slices.IndexFunc(f.letters, func(l writegate.StoredLetter) bool { return l.ID == id })
	if place < 0 {
		return nil, nil
	}
	from, err := os.Open(f.path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, from.Close()) }()
	if _, err := from.Seek(f.starts[id], io.SeekStart); err != nil {
		return nil, err
	}
	text, err := bufio.NewReader(from).ReadBytes('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	line, ok := parse(text)
	if !ok || line.ID != id {
		return nil, fmt.Errorf("%s is another file than when it was opened", f.path)
	}
	l := f.letters[place]
	l.Body = line.Body
	return &l, nil
}
