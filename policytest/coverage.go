package policytest

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"writegate"
	"writegate/policy"
)

// Covered is how often cases have tried a rule, or a condition: an expression, or a part of one that others hang on.
type Covered struct {
	File string `json:"file"`
	Place
	// Rule names the table and the rule, empty for a condition.
	Rule string `json:"rule,omitempty"`
	// Text is the condition, empty for a rule.
	Text string `json:"condition,omitempty"`
	// Path is the part of the policy that it belongs to.
	Path string `json:"path"`
	// True counts how often the rule granted or the condition held, False how often not, Failed how often the
	// condition could not be evaluated, which denies.
	True   int `json:"true"`
	False  int `json:"false"`
	Failed int `json:"failed,omitempty"`
}

// full reports whether both ways were tried.
func (c *Covered) full() bool { return c.True > 0 && c.False+c.Failed > 0 }

// String says how often, and what was never tried.
func (c *Covered) String() string {
	words := [2]string{"true", "false"}
	if c.Rule != "" {
		words = [2]string{"granted", "refused"}
	}
	what := "rule " + c.Rule
	if c.Rule == "" {
		what = c.Text
	}
	if c.True+c.False+c.Failed == 0 {
		return what + ": never reached"
	}
	var parts []string
	for i, n := range []int{c.True, c.False} {
		if n == 0 {
			parts = append(parts, "never "+words[i])
		} else {
			parts = append(parts, fmt.Sprintf("%s %d", words[i], n))
		}
	}
	if c.Failed > 0 {
		parts = append(parts, fmt.Sprintf("failed %d", c.Failed))
	}
	return what + ": " + strings.Join(parts, ", ")
}

// Coverage is what the cases of test files have tried of their policies.
type Coverage struct {
	all   []*Covered
	known map[Covered]*Covered // by what they are about
}

// NewCoverage returns one of nothing yet.
func NewCoverage() *Coverage { return &Coverage{known: map[Covered]*Covered{}} }

// add finds the count of something, or begins it.
func (c *Coverage) add(about Covered) *Covered {
	if found := c.known[about]; found != nil {
		return found
	}
	fresh := about
	c.known[about] = &fresh
	c.all = append(c.all, &fresh)
	return &fresh
}

// List has everything in the order of the files.
func (c *Coverage) List() []*Covered {
	slices.SortStableFunc(c.all, func(a, b *Covered) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return c.all
}

// Text writes a line for each rule and condition, as compilers do, and a summary.
func (c *Coverage) Text(w io.Writer) error {
	var rules, conditions, bothRules, bothConditions int
	for _, item := range c.List() {
		if _, err := fmt.Fprintf(w, "%s:%d:%d: %s\n", item.File, item.Line, item.Column, item); err != nil {
			return err
		}
		n, both := &conditions, &bothConditions
		if item.Rule != "" {
			n, both = &rules, &bothRules
		}
		if *n++; item.full() {
			*both++
		}
	}
	_, err := fmt.Fprintf(w, "%d of %s granted and refused, %d of %s true and false\n",
		bothRules, counted(rules, "rule"), bothConditions, counted(conditions, "condition"))
	return err
}

// JSON writes a line for each rule and condition.
func (c *Coverage) JSON(w io.Writer) error {
	enc := json.NewEncoder(w)
	for _, item := range c.List() {
		if err := enc.Encode(item); err != nil {
			return err
		}
	}
	return nil
}

// tracker listens to the decisions about one test file. Of an operation that is decided several times, the last time
// counts.
type tracker struct {
	*policy.Traced
	last map[*writegate.Op]policy.Trace
}

func track(b *policy.Bundle) (*tracker, error) {
	t := &tracker{last: map[*writegate.Op]policy.Trace{}}
	var err error
	t.Traced, err = b.Trace(func(trace policy.Trace) { t.last[trace.Op] = trace })
	return t, err
}

// begin notes all that there is to try.
func (t *tracker) begin(c *Coverage) {
	for i := range t.Rules {
		c.rule(&t.Rules[i])
	}
	for _, e := range t.Expressions {
		for i := range e.Parts {
			if e.Parts[i].Condition {
				c.condition(e, i)
			}
		}
	}
}

func (c *Coverage) rule(r *policy.Rule) *Covered {
	return c.add(Covered{File: r.File, Place: Place{r.Line, r.Column}, Rule: r.Table + "." + r.Name, Path: r.Path})
}

func (c *Coverage) condition(e *policy.Expression, part int) *Covered {
	p := &e.Parts[part]
	return c.add(Covered{File: e.File, Place: Place{p.Line, p.Column}, Text: p.Text, Path: e.Path})
}

// count adds the decisions since the last time.
func (t *tracker) count(c *Coverage) {
	for _, trace := range t.last {
		for i := range t.Rules {
			t.countRule(c, &t.Rules[i], &trace)
		}
		for _, asked := range trace.Asked {
			for i, got := range asked.Got {
				if !asked.Expression.Parts[i].Condition {
					continue
				}
				switch got.Kind {
				case policy.True:
					c.condition(asked.Expression, i).True++
				case policy.False:
					c.condition(asked.Expression, i).False++
				case policy.Failed:
					c.condition(asked.Expression, i).Failed++
				case policy.NotAsked, policy.Open, policy.Other:
				}
			}
		}
	}
	clear(t.last)
}

func (t *tracker) countRule(c *Coverage, r *policy.Rule, trace *policy.Trace) {
	asked := slices.ContainsFunc(trace.Asked, func(a policy.Asked) bool { return strings.HasPrefix(a.Expression.Path, r.Path+".") })
	switch {
	case trace.Op.Table != r.Table:
	case trace.Decision.Rule == r.Name && trace.Decision.Refusal == nil:
		c.rule(r).True++
	case asked:
		c.rule(r).False++
	}
}
