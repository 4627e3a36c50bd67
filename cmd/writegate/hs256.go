package main

import (
	"writegate/auth"
	"writegate/configs"
)

// hs256 makes tokens with a shared secret.
func hs256(secret configs.Secret, kid string) func(auth.MintOptions) (string, error) {
	return func(o auth.MintOptions) (string, error) {
		return auth.MintHS256(auth.NewSecret(string(secret)), kid, o)
	}
}
