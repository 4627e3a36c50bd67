package main

import (
	"github.com/spf13/cobra"
)

func newLedger() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "ledger",
		Short: "Look at what is known of a device, and prune what is old",
		Long: `Look at the ledger: what was settled of each device, by operation, so that an upload that is sent
again is not applied again.`,
		Example: `  writegate ledger show --config gate.yaml --client 6e31bf8c
  writegate ledger prune --config gate.yaml --older-than 90d`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newLedgerShow(), newLedgerPrune())
	return cmd
}
