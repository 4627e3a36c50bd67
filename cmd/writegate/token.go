package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"writegate/auth"
	"writegate/configs"
)

// devAudience is the audience of the tokens of dev without a configuration.
const devAudience = "writegate"

// keyName is the file with the signing key in the data folder of dev.
const keyName = "key.pem"

func newToken() *cobra.Command {
	var data, config, subject string
	var service serviceKey
	var ttl time.Duration
	var claims []string
	cmd := &cobra.Command{
		Use:   "token (--data DIR | --config FILE | --service-yaml FILE) --sub USER",
		Short: "Print a token for a user",
		Long: `Print a token for a user, and nothing else, so that it can go into a variable.

It is signed with the key in the data folder of "writegate dev", or with that of the keys of a
configuration that signs now, with its auth.key_file, which is made when it is missing, or else
with its auth.hs256_secret. The value of a claim is taken as JSON where it is JSON, else as text.

With --service-yaml it is a development token for a sync service of your own, as the vendor's
command makes it: signed with the first HS256 key of client_auth.jwks.keys in that file, for
the audiences there and the address in the cli.yaml beside it. Where the file has a public key,
--private-key is its other half.`,
		Example: `  TOKEN=$(writegate token --data ./writegate-data --sub alice)
  writegate token --config gate.yaml --sub alice --ttl 1h --claim role=admin --claim org=17
  writegate token --service-yaml powersync/service.yaml --sub test-user
  writegate token --service-yaml service.yaml --private-key private-key.pem --endpoint http://localhost:8080 --sub test-user`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			switch {
			case count(data, config, service.file) != 1:
				return misused(cmd, "give one of --data, --config and --service-yaml")
			case service.file == "" && count(service.endpoint, service.kid, service.private) > 0:
				return misused(cmd, "--endpoint, --kid and --private-key go with --service-yaml")
			case service.endpoint != "" && !isWebAddress(service.endpoint):
				return misused(cmd, "--endpoint %s: write an address such as http://localhost:8080", service.endpoint)
			case subject == "":
				return required(cmd, "sub")
			}
			extra, err := parseClaims(claims)
			if err != nil {
				return misused(cmd, "%w", err)
			}
			sign := func() (func(auth.MintOptions) (string, error), auth.MintOptions, error) {
				return signer(cmd.Context(), data, config)
			}
			if service.file != "" {
				sign = service.signer
			}
			mint, options, err := sign()
			if err != nil {
				return err
			}
			options.Subject, options.TTL, options.Claims = subject, ttl, extra
			token, err := mint(options)
			if err != nil {
				return misused(cmd, "%w", err)
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), token)
			return err
		},
	}
	f := cmd.Flags()
	f.StringVar(&data, "data", "", `the data folder of "writegate dev"`)
	f.StringVar(&config, "config", "", "a configuration with keys, auth.key_file or auth.hs256_secret")
	f.StringVar(&service.file, "service-yaml", "", "the configuration of a sync service")
	f.StringVar(&service.endpoint, "endpoint", "", "the address of that service, by default the api_url in the cli.yaml beside its file")
	f.StringVar(&service.kid, "kid", "", "the key of that service to take, by default the first that fits")
	f.StringVar(&service.private, "private-key", "", "a file with a private key, PEM or JWK, whose public half that service has")
	f.StringVar(&subject, "sub", "", "the user's id, which becomes the claim sub")
	f.DurationVar(&ttl, "ttl", 12*time.Hour, "how long the token lives, at most 24h")
	f.StringArrayVar(&claims, "claim", nil, "a further claim as name=value; may be repeated")
	return cmd
}

// isWebAddress reports whether a text is an address of http or https.
func isWebAddress(text string) bool {
	u, err := url.Parse(text)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != ""
}

// count says how many texts are not empty.
func count(texts ...string) int {
	n := 0
	for _, text := range texts {
		if text != "" {
			n++
		}
	}
	return n
}

// signer finds what to sign with, and says what its tokens have in common.
func signer(ctx context.Context, data, config string) (func(auth.MintOptions) (string, error), auth.MintOptions, error) {
	path, options := filepath.Join(data, keyName), auth.MintOptions{Audience: []string{devAudience}}
	if config == "" {
		// A key that no server knows would only puzzle, so none is made in a folder where dev never ran.
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
			return nil, options, fmt.Errorf("there is no key %s; %q makes one when it starts", path, "writegate dev")
		}
	} else {
		c, err := configs.Load(config)
		if err != nil {
			return nil, options, err
		}
		options = mintOptions(c)
		if c.Keys.Given() {
			mint, err := signerOf(ctx, c)
			return mint, options, err
		}
		switch path = c.Auth.KeyFile; {
		case c.Auth.Key != "":
			key, err := ownKey(c.Auth)
			if err != nil {
				return nil, options, err
			}
			return key.Mint, options, nil
		case path != "":
		case c.Auth.HS256Secret != "":
			return hs256(c.Auth.HS256Secret, ""), options, nil
		default:
			return nil, options, fmt.Errorf("%s has neither keys, auth.key_file nor auth.hs256_secret to sign with", config)
		}
	}
	key, err := auth.LoadOrCreateKey(path)
	if err != nil {
		return nil, options, err
	}
	return key.Mint, options, nil
}

// mintOptions makes tokens that the same configuration accepts: as those that it issues, if it does.
func mintOptions(c *configs.Config) auth.MintOptions {
	if c.Issues() {
		o := auth.MintOptions{Audience: c.Issue.Audience, Issuer: c.Issue.Issuer}
		if len(o.Audience) == 0 {
			o.Audience = c.Issue.URL
		}
		return o
	}
	o := auth.MintOptions{Audience: c.Auth.Audience}
	if len(c.Auth.Issuer) > 0 {
		o.Issuer = c.Auth.Issuer[0]
	}
	return o
}

func parseClaims(pairs []string) (map[string]any, error) {
	claims := make(map[string]any, len(pairs))
	for _, pair := range pairs {
		name, text, ok := strings.Cut(pair, "=")
		if !ok || name == "" {
			return nil, fmt.Errorf("--claim %s: write name=value", pair)
		}
		if _, twice := claims[name]; twice {
			return nil, fmt.Errorf("--claim %s is given twice", name)
		}
		if json.Valid([]byte(text)) {
			claims[name] = json.RawMessage(text) // exact, however long its numbers are
		} else {
			claims[name] = text
		}
	}
	return claims, nil
}
