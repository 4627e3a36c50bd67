package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// ran lists the records of a folder, each of which is what a conformance suite says at its end: the server first,
// by name and version. The first word of a record, in any case, has to be one of the names; "documentdb|mongodb" asks for one of the two.
func ran(w io.Writer, dir string, names []string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	var records []string
	for _, e := range entries {
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return err
		}
		records = append(records, strings.TrimSpace(string(text)))
	}
	slices.Sort(records)
	for _, r := range records {
		fmt.Fprintln(w, "conformance suite ran on", r)
	}
	var errs []error
	for _, name := range names {
		if !slices.ContainsFunc(records, func(record string) bool { return matches(record, name) }) {
			errs = append(errs, fmt.Errorf("the conformance suite did not run on %s", name))
		}
	}
	return errors.Join(errs...)
}

func matches(record, name string) bool {
	first, _, _ := strings.Cut(strings.ToLower(record), " ")
	return slices.Contains(strings.Split(name, "|"), strings.TrimSuffix(first, ":"))
}
