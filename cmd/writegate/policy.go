package main

import "github.com/spf13/cobra"

func newPolicy() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "policy",
		Short: "Check, test and explain a policy",
		Long: `Work on a policy before anybody depends on it. None of it changes anything in a database, and
it connects to one only where a configuration is given with --config.`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newPolicyCheck(), newPolicySchema(), newPolicyTest(), newPolicyExplain(), newPolicyPlan())
	return cmd
}
