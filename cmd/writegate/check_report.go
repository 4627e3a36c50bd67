package main

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"writegate/configs"
	"writegate/policy"
)

// remark is one thing that check has to say.
type remark struct {
	file string
	// line and column count from 1. Line 0 stands for the file as a whole.
	line, column int
	fault        bool // else a warning
	path         string
	code         string // of the check, empty for most
	message      string
}

// String is one line as a compiler writes it.
func (r remark) String() string {
	var b strings.Builder
	b.WriteString(r.file)
	if r.line > 0 {
		fmt.Fprintf(&b, ":%d:%d", r.line, r.column)
	}
	if r.fault {
		b.WriteString(": error: ")
	} else {
		b.WriteString(": warning: ")
	}
	if r.path != "" {
		b.WriteString(r.path + ": ")
	}
	if r.code != "" {
		b.WriteString(r.code + " ")
	}
	b.WriteString(r.message)
	return b.String()
}

// remarks is everything that check has to say. It is the error of a check that found faults.
type remarks []remark

// Error has one line for each remark.
func (rs remarks) Error() string {
	lines := make([]string, len(rs))
	for i, r := range rs {
		lines[i] = r.String()
	}
	return strings.Join(lines, "\n")
}

func (rs remarks) faults() (n int) {
	for _, r := range rs {
		if r.fault {
			n++
		}
	}
	return n
}

// report collects remarks about a configuration and what it leads to.
type report struct {
	config   string // the file
	all      remarks
	versions []string // of the databases that answered
}

func (r *report) add(m remark) { r.all = append(r.all, m) }

// sorted has the remarks about the configuration first, then those about the policy, in the order of the file.
func (r *report) sorted() remarks {
	slices.SortStableFunc(r.all, func(a, b remark) int {
		if (a.file == r.config) != (b.file == r.config) {
			return map[bool]int{true: -1, false: 1}[a.file == r.config]
		}
		return cmp.Or(cmp.Compare(a.file, b.file), cmp.Compare(a.line, b.line), cmp.Compare(a.column, b.column),
			cmp.Compare(a.path, b.path), cmp.Compare(a.message, b.message))
	})
	return slices.Compact(r.all)
}

func (r *report) addConfig(faults configs.Faults) {
	for _, f := range faults {
		r.add(remark{file: f.File, line: f.Line, column: f.Column, fault: true, path: f.Path, message: f.Message})
	}
}

// addPolicy adds the faults of a policy file, or why it can't be read.
func (r *report) addPolicy(err error) {
	faults, ok := errors.AsType[policy.Faults](err)
	if !ok && err != nil {
		r.add(remark{file: r.config, fault: true, path: "policy", message: err.Error()})
	}
	for _, f := range faults {
		r.add(policyRemark(f, true))
	}
}

func policyRemark(f policy.Fault, fault bool) remark {
	return remark{f.File, f.Line, f.Column, fault, f.Path, f.Code, f.Message}
}
