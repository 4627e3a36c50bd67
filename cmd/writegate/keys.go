package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"writegate/auth"
	keyset "writegate/auth/keys"
	"writegate/configs"
	"writegate/internal/files"
)

func newKeysCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "keys",
		Short: "See and turn the signing keys",
		Long: `See and turn the signing keys that a configuration has under keys.

A key is published first, and signs when everybody who verifies has seen it. When the next one signs, it
is retired: it stays in the key set until the last token of it has expired. "writegate serve" does all
of that by itself, every keys.rotate_every. Replicas follow within 30 seconds.`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newKeysList(), newKeysGenerate(), newKeysRotate(), newKeysImport(), newKeysExport(), newKeysRemove())
	return cmd
}

// keysCommand is a command that works on the keys of a configuration.
func keysCommand(cmd *cobra.Command, run func(ctx context.Context, set *keyset.Set, c *configs.Config, args []string) error) *cobra.Command {
	var config string
	cmd.Flags().StringVar(&config, "config", "", "the configuration")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if config == "" {
			return required(cmd, "config")
		}
		c, err := configs.Load(config)
		if err != nil {
			return err
		}
		if !c.Keys.Given() {
			return fmt.Errorf("%s has no keys: that are made and rotated; docs/signing-keys.md says how to have them", config)
		}
		return withKeys(cmd.Context(), c, func(set *keyset.Set) error { return run(cmd.Context(), set, c, args) })
	}
	if cmd.Args == nil {
		cmd.Args = noArgs
	}
	return cmd
}

func newKeysList() *cobra.Command {
	var lines bool
	cmd := &cobra.Command{
		Use:     "list --config FILE",
		Short:   "List the keys, and when each of their states begins",
		Example: `  writegate keys list --config gate.yaml`,
	}
	cmd.Flags().BoolVar(&lines, "json", false, "write a line of JSON for each key")
	return keysCommand(cmd, func(_ context.Context, set *keyset.Set, _ *configs.Config, _ []string) error {
		return listKeys(cmd.OutOrStdout(), set.Keys(), lines)
	})
}

func listKeys(w io.Writer, all []keyset.Key, lines bool) error {
	rows := [][]string{{"KID", "ALGORITHM", "STATE", "PUBLISHED", "SIGNS", "RETIRED", "REMOVED"}}
	out := json.NewEncoder(w)
	now := time.Now()
	for _, k := range all {
		if !k.Removed.IsZero() && k.Signing.After(k.Removed) {
			k.Signing = time.Time{} // it was to sign, and never did
		}
		if !lines {
			rows = append(rows, []string{k.ID, k.Algorithm, string(k.State(now)), clock(k.Published), clock(k.Signing), clock(k.Retired), clock(k.Removed)})
			continue
		}
		err := out.Encode(struct {
			ID        string       `json:"kid"`
			Algorithm string       `json:"alg"`
			State     keyset.State `json:"state"`
			Published time.Time    `json:"published,omitzero"`
			Signing   time.Time    `json:"signing,omitzero"`
			Retired   time.Time    `json:"retired,omitzero"`
			Removed   time.Time    `json:"removed,omitzero"`
		}{k.ID, k.Algorithm, k.State(now), k.Published, k.Signing, k.Retired, k.Removed})
		if err != nil {
			return err
		}
	}
	switch {
	case lines:
		return nil
	case len(all) == 0:
		_, err := fmt.Fprintln(w, "no keys yet")
		return err
	}
	return columns(w, rows)
}

func newKeysGenerate() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "generate --config FILE",
		Short: "Make the first key",
		Long: `Make the first key, which signs at once, and print its kid. "writegate serve" does so by itself when it
starts; this is for whoever wants the key set before. When there is a key already, "rotate" makes the
next one.`,
		Example: `  writegate keys generate --config gate.yaml && writegate keys export --config gate.yaml`,
	}
	return keysCommand(cmd, func(ctx context.Context, set *keyset.Set, _ *configs.Config, _ []string) error {
		if id := set.Signer(); id != "" {
			return fmt.Errorf("there are keys already, and %s signs; %q makes the next one", id, "writegate keys rotate")
		}
		if err := set.Advance(ctx); err != nil {
			return err
		}
		_, err := fmt.Fprintln(cmd.OutOrStdout(), set.Signer())
		return err
	})
}

func newKeysRotate() *cobra.Command {
	var algorithm string
	var emergency bool
	cmd := &cobra.Command{
		Use:   "rotate --config FILE",
		Short: "Publish the next key now",
		Long: `Publish the next key now. It signs after keys.publish_for, and no token fails.

--emergency is for when somebody else may know a key: the new one signs at once and all others are removed
at once, since they lie in the same place. Tokens of theirs fail, here within 30 seconds and wherever
the key set is kept when it is fetched again, in the sync service after 5 minutes at most; clients fetch
another one. Change keys.encryption_key first when that may be known, too.`,
		Example: `  writegate keys rotate --config gate.yaml
  writegate keys rotate --config gate.yaml --algorithm ES256
  writegate keys rotate --config gate.yaml --emergency`,
	}
	cmd.Flags().StringVar(&algorithm, "algorithm", "", "of the new key: "+strings.Join(auth.KeyAlgorithms(), ", ")+"; that of the configuration when left out")
	cmd.Flags().BoolVar(&emergency, "emergency", false, "sign with it at once, and remove all others at once")
	return keysCommand(cmd, func(ctx context.Context, set *keyset.Set, _ *configs.Config, _ []string) error {
		turn := set.Rotate
		if emergency {
			turn = set.Replace
		}
		k, err := turn(ctx, algorithm)
		if err != nil {
			return err
		}
		return signsFrom(cmd.OutOrStdout(), k)
	})
}

// signsFrom says when a key signs.
func signsFrom(w io.Writer, k keyset.Key) (err error) {
	if k.State(time.Now()) == keyset.Signing {
		_, err = fmt.Fprintf(w, "key %s signs now\n", k.ID)
	} else {
		_, err = fmt.Fprintf(w, "key %s signs from %s on\n", k.ID, k.Signing.UTC().Format(time.RFC3339))
	}
	return err
}

func newKeysImport() *cobra.Command {
	var path string
	var now bool
	cmd := &cobra.Command{
		Use:   "import --config FILE --key FILE",
		Short: "Add a private key that was made elsewhere",
		Long: `Add a private key that was made elsewhere: a PEM block (PKCS #8, RSA or EC), a JSON Web Key, or the base64 of
one as in POWERSYNC_PRIVATE_KEY. A JSON Web Key keeps its kid. With --key - it is read from stdin.

It is the next one to sign, after keys.publish_for. With --now it signs at once: for a key that everybody
who verifies knows already, or as the first one of all.`,
		Example: `  writegate keys import --config gate.yaml --key key.pem --now
  printenv POWERSYNC_PRIVATE_KEY | writegate keys import --config gate.yaml --key - --now`,
	}
	cmd.Flags().StringVar(&path, "key", "", "the file with the private key, or - for stdin")
	cmd.Flags().BoolVar(&now, "now", false, "sign with it at once")
	return keysCommand(cmd, func(ctx context.Context, set *keyset.Set, _ *configs.Config, _ []string) error {
		if path == "" {
			return required(cmd, "key")
		}
		k, err := readKey(cmd.InOrStdin(), path)
		if err != nil {
			return err
		}
		added, err := set.Import(ctx, k, now)
		if err != nil {
			return err
		}
		return signsFrom(cmd.OutOrStdout(), added)
	})
}

const maxKey = 64 << 10

// readKey reads a private key from a file that nobody else may read, or from what stands for "-".
func readKey(stdin io.Reader, path string) (*auth.Key, error) {
	if path == "-" {
		return parseKey(stdin, "standard input")
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if err := files.CheckSecret(f); err != nil {
		return nil, fmt.Errorf("%s %w", path, err)
	}
	return parseKey(f, path)
}

func parseKey(in io.Reader, name string) (*auth.Key, error) {
	text, err := io.ReadAll(io.LimitReader(in, maxKey))
	if err != nil {
		return nil, fmt.Errorf("read key: %w", err)
	}
	k, err := auth.ReadKey(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return k, nil
}

func newKeysRemove() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "remove --config FILE KID",
		Short: "Remove a key that doesn't sign",
		Long: `Remove a key at once that doesn't sign: one that is retired, whose tokens then fail, or the one that was to
sign next. The key that signs can only be replaced by "rotate".`,
		Example: `  writegate keys remove --config gate.yaml 3q2-7w`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return misused(cmd, "give one kid")
			}
			return nil
		},
	}
	return keysCommand(cmd, func(ctx context.Context, set *keyset.Set, _ *configs.Config, args []string) error {
		if err := set.Remove(ctx, args[0]); err != nil {
			return err
		}
		_, err := fmt.Fprintf(cmd.OutOrStdout(), "key %s is removed\n", args[0])
		return err
	})
}

var errNoKeys = errors.New("there is no key yet; \"writegate keys generate\" makes the first one")
