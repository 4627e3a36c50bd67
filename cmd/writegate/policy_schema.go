package main

import (
	"github.com/spf13/cobra"

	"writegate/policy"
)

func newPolicySchema() *cobra.Command {
	return &cobra.Command{
		Use:   "schema",
		Short: "Print the JSON Schema of policies, for editors",
		Long: `Print the JSON Schema of policy files, by which editors complete keys, explain them and mark what
is out of place while one types. Most find it by a comment at the top of the policy:

  # yaml-language-server: $schema=policy.schema.json`,
		Example: `  writegate policy schema > policy.schema.json`,
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			text, err := policy.JSONSchema()
			if err != nil {
				return err
			}
			_, err = cmd.OutOrStdout().Write(text)
			return err
		},
	}
}
