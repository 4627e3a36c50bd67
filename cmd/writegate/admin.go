package main

import (
	"fmt"

	"writegate/configs"
)

// adminTokens tells the tokens of operators as they are by now; nil where operators have no listener of their own.
func adminTokens(a configs.Admin) func() ([]string, error) {
	switch {
	case a.Addr == "":
		return nil
	case a.TokenFile == "":
		return func() ([]string, error) { return []string{string(a.Token)}, nil }
	}
	return func() ([]string, error) {
		tokens, err := configs.ReadAdminTokens(a.TokenFile)
		if err != nil {
			return nil, fmt.Errorf("server.admin.token_file: %s %w", a.TokenFile, err)
		}
		return tokens, nil
	}
}
