package main

import (
	"maps"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"writegate/auth"
	"writegate/configs"
)

// hs256 makes tokens with a shared secret, used as it is written, and with a kid in their header unless it is empty.
func hs256(secret configs.Secret, kid string) func(auth.MintOptions) (string, error) {
	return func(o auth.MintOptions) (string, error) {
		if err := o.Check(); err != nil {
			return "", err
		}
		now := time.Now().Unix()
		claims := jwt.MapClaims{"sub": o.Subject, "aud": o.Audience, "iat": now, "exp": now + int64(o.TTL/time.Second)}
		if o.Issuer != "" {
			claims["iss"] = o.Issuer
		}
		maps.Copy(claims, o.Claims) // none of them is one of these
		token := jwt.NewWithClaims(jwt.SigningMethodHS256, claims)
		if kid != "" {
			token.Header["kid"] = kid
		}
		return token.SignedString([]byte(secret))
	}
}
