package main

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"

	"writegate"
)

// found is a dead letter, and where it is.
type found struct {
	*shelf
	writegate.StoredLetter
}

// pageSize is how many letters one look at a letter box takes, without their bodies.
const pageSize = 500

// each yields the letters that are meant, oldest first, without bodies. It ends with the first error.
func (s *shelf) each(ctx context.Context, q writegate.LetterQuery) iter.Seq2[found, error] {
	return func(yield func(found, error) bool) {
		for {
			page, err := s.Letters(ctx, q, pageSize)
			if err != nil {
				yield(found{}, s.trouble(err))
				return
			}
			for _, l := range page {
				if !yield(found{s, l}, nil) {
					return
				}
			}
			if len(page) < pageSize {
				return
			}
			last := page[len(page)-1]
			q.AfterAt, q.AfterID = last.At, last.ID
		}
	}
}

// meant lists the letters of all shelves that are meant, oldest first, without bodies, and says whether there are more
// than the limit.
func (all shelves) meant(ctx context.Context, q writegate.LetterQuery, limit int) (letters []found, more bool, err error) {
	for _, s := range all {
		n := 0
		for l, err := range s.each(ctx, q) {
			if err != nil {
				return nil, false, err
			}
			letters = append(letters, l)
			if n++; n > limit && limit > 0 {
				break
			}
		}
	}
	slices.SortStableFunc(letters, func(a, b found) int { return cmp.Or(a.At.Compare(b.At), made(&a.StoredLetter, &b.StoredLetter)) })
	if limit > 0 && len(letters) > limit {
		return letters[:limit], true, nil
	}
	return letters, false, nil
}

// named finds letters by their ids, with bodies, in the order of the ids. It names all that there are not.
func (all shelves) named(ctx context.Context, ids []string) (letters []found, err error) {
	var missing []string
	for i, id := range ids {
		if slices.Contains(ids[:i], id) {
			continue
		}
		l, err := all.find(ctx, id)
		switch {
		case err != nil:
			return nil, err
		case l == nil:
			missing = append(missing, strconv.Quote(id))
		default:
			letters = append(letters, *l)
		}
	}
	if len(missing) > 0 {
		return nil, fmt.Errorf("there is no dead letter %s; %q lists those there are", strings.Join(missing, ", "), "writegate dead list --state all")
	}
	return letters, nil
}

// find returns nil for a letter that is in none.
func (all shelves) find(ctx context.Context, id string) (*found, error) {
	for _, s := range all {
		l, err := s.Letter(ctx, id)
		if err != nil {
			return nil, s.trouble(err)
		}
		if l != nil {
			return &found{s, *l}, nil
		}
	}
	return nil, nil
}
