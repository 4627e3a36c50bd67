package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	keyset "writegate/auth/keys"
	"writegate/configs"
)

func newKeysExport() *cobra.Command {
	var format, url string
	cmd := &cobra.Command{
		Use:   "export --config FILE",
		Short: "Print the public keys for whoever verifies",
		Long: `Print the public keys for whoever verifies: as a key set (jwks), or as the part of a service.yaml that has the sync
service believe them (service-yaml). No private key is ever printed.

With --url, the address where clients reach this gateway, the sync service fetches the keys itself and follows
each rotation. Without it the keys are written out, and the file has to be changed at each rotation.`,
		Example: `  writegate keys export --config gate.yaml
  writegate keys export --config gate.yaml --format service-yaml --url https://gate.example.com`,
	}
	cmd.Flags().StringVar(&format, "format", "jwks", "jwks or service-yaml")
	cmd.Flags().StringVar(&url, "url", "", "the address of this gateway, for service-yaml")
	return keysCommand(cmd, func(_ context.Context, set *keyset.Set, c *configs.Config, _ []string) error {
		out := cmd.OutOrStdout()
		switch {
		case url != "" && !isWebAddress(url):
			return misused(cmd, "--url %s: write an address such as https://gate.example.com", url)
		case len(set.Keys()) == 0:
			return errNoKeys
		case format == "jwks" && url == "":
			_, err := fmt.Fprintf(out, "%s\n", set.PublicJWKS())
			return err
		case format == "service-yaml":
			text, err := serviceYAML(set.PublicJWKS(), strings.TrimRight(url, "/"), mintOptions(c).Audience)
			if err != nil {
				return err
			}
			_, err = fmt.Fprint(out, text)
			return err
		}
		return misused(cmd, "--format is jwks or service-yaml, and --url goes with the latter")
	})
}

// serviceYAML is the part of a service.yaml that believes a key set. JSON texts are YAML, too.
func serviceYAML(jwks []byte, url string, audience []string) (string, error) {
	quoted, err := json.Marshal(audience)
	if err != nil {
		return "", fmt.Errorf("encode audience: %w", err)
	}
	var b strings.Builder
	b.WriteString("client_auth:\n")
	if url != "" {
		fmt.Fprintf(&b, "  jwks_uri: %q\n", url+"/.well-known/jwks.json")
	} else {
		var set struct {
			Keys []json.RawMessage `json:"keys"`
		}
		if err := json.Unmarshal(jwks, &set); err != nil {
			return "", fmt.Errorf("decode key set: %w", err)
		}
		b.WriteString("  jwks:\n    keys:\n")
		for _, k := range set.Keys {
			fmt.Fprintf(&b, "      - %s\n", k)
		}
	}
	fmt.Fprintf(&b, "  audience: %s\n", quoted)
	return b.String(), nil
}
