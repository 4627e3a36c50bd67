package main

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"

	"writegate/auth"
	"writegate/configs"
)

// fromEnvironment is the configuration of a gateway that takes the place of one of the vendor's backends.
func fromEnvironment() (*configs.Config, error) {
	c, err := configs.FromEnvironment()
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(c.Policy); err != nil {
		return nil, fmt.Errorf("WRITEGATE_POLICY: there is no policy %s; %q writes a first one", c.Policy, "writegate init")
	}
	return c, checkPair(os.Getenv("POWERSYNC_PRIVATE_KEY"), os.Getenv("POWERSYNC_PUBLIC_KEY"))
}

// checkPair refuses a public key that is not the one of the private key: the sync service would have known it, and not
// what is served now.
func checkPair(private, public string) error {
	if private == "" || public == "" {
		return nil
	}
	key, err := auth.ReadKey([]byte(private))
	if err != nil {
		return fmt.Errorf("POWERSYNC_PRIVATE_KEY: %w", err)
	}
	half, err := publicMembers(key)
	if err != nil {
		return fmt.Errorf("POWERSYNC_PRIVATE_KEY: %w", err)
	}
	var given map[string]any
	text, err := base64.StdEncoding.DecodeString(strings.TrimSpace(public))
	if err := errors.Join(err, json.Unmarshal(text, &given)); err != nil {
		return errors.New("POWERSYNC_PUBLIC_KEY: must be the base64 of a JSON Web Key")
	}
	for _, member := range []string{"kty", "kid", "n", "e", "crv", "x", "y"} {
		if value, _ := given[member].(string); value != half[member] {
			return errors.New("POWERSYNC_PUBLIC_KEY: is not the public half of POWERSYNC_PRIVATE_KEY, or has another kid")
		}
	}
	return nil
}
