package policytest

import (
	"context"
	"fmt"
	"regexp"
	"time"

	"writegate"
	"writegate/policy"
)

// Tables are the tables that cases run on.
type Tables struct {
	Schema writegate.Schema
	// Open makes an empty database with these tables.
	Open func(ctx context.Context) (writegate.Applier, error)
}

// Runner runs test files.
type Runner struct {
	// Tables makes the tables of a schema file, as a policy needs them.
	Tables func(ctx context.Context, schema string, source *policy.Source) (*Tables, error)
	// Policy is taken instead of the one that a test file names, unless it is empty.
	Policy string
	// Only are the names of the cases to run, nil for all.
	Only *regexp.Regexp
	// Coverage gathers what the cases try of the policy, unless it is nil.
	Coverage *Coverage
}

// Result is what became of the cases of one file.
type Result struct {
	File *File
	// Revision is that of the policy and the schema.
	Revision string
	Ran      []Ran
	Took     time.Duration
}

// Failed counts the runs that went otherwise than expected.
func (r *Result) Failed() int {
	n := 0
	for i := range r.Ran {
		if len(r.Ran[i].Mismatches) > 0 {
			n++
		}
	}
	return n
}

// Ran is one case as one user ran it.
type Ran struct {
	Case *Case
	User string
	// Got has an outcome for each operation.
	Got        []Outcome
	Mismatches []Mismatch
	Took       time.Duration
}

// Mismatch is one thing that went otherwise than expected.
type Mismatch struct {
	Place
	// What names it: outcome, code, rule, field, message, or row and the column.
	What string `json:"what"`
	// Expected and Got are written as in a test file.
	Expected string `json:"expected"`
	Got      string `json:"got"`
}

// Run runs the cases of a file. That some fail is no error.
func (r *Runner) Run(ctx context.Context, b *Bound) (*Result, error) {
	if err := b.File.complete(); err != nil {
		return nil, err
	}
	res := &Result{File: b.File, Revision: b.Policy.Revision()}
	begun := time.Now()
	for i := range b.File.Cases {
		c := &b.File.Cases[i]
		if r.Only != nil && !r.Only.MatchString(c.Name) {
			continue
		}
		for _, user := range c.As {
			ran, err := b.run(ctx, c, user)
			if err != nil {
				return nil, fmt.Errorf("%s:%d: %s: %w", b.File.Path, c.Line, c.Name, err)
			}
			res.Ran = append(res.Ran, *ran)
			if b.track != nil {
				b.track.count(r.Coverage)
			}
		}
	}
	res.Took = time.Since(begun)
	return res, nil
}

// complete reports the cases that expect nothing. Only a plan can do with those.
func (f *File) complete() error {
	r := &reader{name: f.Path}
	for i := range f.Cases {
		if c := &f.Cases[i]; c.expect == nil {
			r.faultAt(c.Place, "tests", "the key expect: is missing")
		}
	}
	if len(r.faults) > 0 {
		return r.faults
	}
	return nil
}

func (b *Bound) run(ctx context.Context, c *Case, user string) (*Ran, error) {
	begun := time.Now()
	got, err := b.Try(ctx, c, user)
	if err != nil {
		return nil, err
	}
	ran := &Ran{Case: c, User: user, Got: got}
	ran.Mismatches = b.compare(c, c.expect[user], got)
	ran.Took = time.Since(begun)
	return ran, nil
}
