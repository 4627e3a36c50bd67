package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode"

	"github.com/spf13/cobra"

	"writegate/configs"
	"writegate/policy"
	"writegate/schemafile"
)

type policyCheckFlags struct {
	schema, config       string
	expand, json, strict bool
}

func newPolicyCheck() *cobra.Command {
	var f policyCheckFlags
	cmd := &cobra.Command{
		Use:   "check [--schema FILE | --config FILE] POLICY",
		Short: "Say what is wrong with a policy",
		Long: `Say everything that is wrong with a policy and everything that is doubtful, one line each as a
compiler does: file:line:column: error: where: CODE what is wrong and what to do. A warning is
something to know that does not keep it from running. docs/policy-reference.md explains the codes.

With --schema the policy is held against the tables in a file, which "writegate schema pull" wrote
or somebody did by hand; with --config against those that the databases of a configuration have.
With both, P400 says where the file and the databases differ. With neither, what only the tables
show is left out.

With --expand it prints the policy without short forms instead. What is printed means the same.

It exits with 0 when all is right but for warnings, 1 when something is wrong, 2 when the command
line is.`,
		Example: `  writegate policy check --schema schema.yaml policy.yaml
  writegate policy check --config gate.yaml policy.yaml
  writegate policy check --expand policy.yaml
  writegate policy check --json --schema schema.yaml policy.yaml    a line of JSON each, for editors`,
		Args: func(cmd *cobra.Command, args []string) error {
			switch {
			case len(args) > 1:
				return misused(cmd, "name one policy; %q is another", args[1])
			case len(args) == 0 && f.config == "":
				return misused(cmd, "name the policy")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if f.expand && (f.json || f.schema != "" || f.config != "") {
				return misused(cmd, "--expand goes alone: it prints the policy and checks nothing but its form")
			}
			var c *configs.Config
			if f.config != "" {
				var err error
				if c, err = configs.Load(f.config); err != nil {
					return err
				}
				if len(args) == 0 {
					args = []string{c.Policy}
				}
			}
			if f.expand {
				source, err := policy.Load(args[0])
				if err != nil {
					return err
				}
				_, err = cmd.OutOrStdout().Write(source.Long())
				return err
			}
			return policyCheck(cmd.Context(), f, c, args[0], cmd.OutOrStdout())
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.schema, "schema", "", "a file with the tables that the policy is for")
	flags.StringVar(&f.config, "config", "", "a configuration whose databases have the tables")
	flags.BoolVar(&f.expand, "expand", false, "print the policy without short forms")
	flags.BoolVar(&f.json, "json", false, "write each line as JSON")
	flags.BoolVar(&f.strict, "strict", false, "let warnings fail, too")
	return cmd
}

// policyCheck writes what there is to say about a policy. The error is only that there was something wrong.
func policyCheck(ctx context.Context, f policyCheckFlags, c *configs.Config, path string, stdout io.Writer) error {
	r := &report{config: path}
	source, err := policy.Load(path)
	if _, ok := errors.AsType[policy.Faults](err); err != nil && !ok {
		return err
	}
	r.addPolicy(err)
	about := " as far as that shows without its tables; --schema or --config has them looked at"
	switch {
	case source == nil:
	case c != nil:
		about = ""
		r.config, c.Policy = f.config, path
		err = r.checkTables(ctx, c, f.schema, source)
	case f.schema != "":
		about = ""
		err = r.checkFile(ctx, f.schema, source)
	default:
		r.bind(source, nil, true)
	}
	if source != nil && err != nil {
		return err
	}
	all := r.sorted()
	write := all.text
	if f.json {
		write = all.json
	}
	if err := write(stdout); err != nil {
		return err
	}
	faults := all.faults()
	switch doubts := len(all) - faults; {
	case faults > 0 && doubts > 0:
		return fmt.Errorf("%s: %s and %s", path, counted(faults, "error"), counted(doubts, "warning"))
	case faults > 0:
		return fmt.Errorf("%s: %s", path, counted(faults, "error"))
	case doubts > 0 && f.strict:
		return fmt.Errorf("%s: %s", path, counted(doubts, "warning"))
	case doubts > 0:
		about += ", but for " + counted(doubts, "warning")
	}
	if !f.json {
		_, err = fmt.Fprintf(stdout, "%s is right%s\n", path, about)
	}
	return err
}

// checkTables holds the policy against the tables of the databases, and a schema file as well when there is one.
func (r *report) checkTables(ctx context.Context, c *configs.Config, schema string, source *policy.Source) (err error) {
	k, err := newChecker(r, c, source)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, k.dbs.Close()) }()
	k.openAll(ctx)
	k.checkRoutes()
	for _, where := range k.places(ctx) {
		k.bind(ctx, where)
	}
	if schema == "" || r.all.faults() > 0 {
		return nil
	}
	then, err := schemafile.Load(schema)
	if err != nil {
		return err
	}
	now, err := k.file(ctx)
	if err != nil {
		return err
	}
	for _, line := range schemafile.Diff(then, now) {
		r.add(remark{file: schema, fault: true, code: "P400", message: line + " in the database; pull the schema again, or mend the database"})
	}
	return nil
}

func (rs remarks) text(w io.Writer) error {
	for _, m := range rs {
		if _, err := fmt.Fprintln(w, m); err != nil {
			return err
		}
	}
	return nil
}

// json writes an object a line, for editors. Lines and columns count from 1, endColumn is behind the last character.
func (rs remarks) json(w io.Writer) error {
	texts := map[string][]string{}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	for _, m := range rs {
		if texts[m.file] == nil {
			text, _ := os.ReadFile(m.file) // without it there is no end
			texts[m.file] = strings.Split(string(text), "\n")
		}
		severity := "warning"
		if m.fault {
			severity = "error"
		}
		err := enc.Encode(struct {
			File      string `json:"file"`
			Line      int    `json:"line,omitzero"`
			Column    int    `json:"column,omitzero"`
			EndColumn int    `json:"endColumn,omitzero"`
			Severity  string `json:"severity"`
			Code      string `json:"code,omitzero"`
			Message   string `json:"message"`
			Path      string `json:"path,omitzero"`
		}{m.file, m.line, m.column, endColumn(texts[m.file], m.line, m.column), severity, m.code, m.message, m.path})
		if err != nil {
			return err
		}
	}
	return nil
}

// endColumn is where the word at a place ends, or 0.
func endColumn(lines []string, line, column int) int {
	if line < 1 || line > len(lines) {
		return 0
	}
	text := []rune(lines[line-1])
	if column < 1 || column > len(text) {
		return 0
	}
	end := column - 1
	if quote := text[end]; quote == '"' || quote == '\'' {
		for end++; end < len(text) && text[end] != quote; end++ {
			continue
		}
		return min(end, len(text)-1) + 2
	}
	for end < len(text) && (unicode.IsLetter(text[end]) || unicode.IsDigit(text[end]) || strings.ContainsRune("_.$?", text[end])) {
		end++
	}
	return max(end, column) + 1
}
