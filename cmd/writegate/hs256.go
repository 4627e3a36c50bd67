package main

import (
	"errors"
	"maps"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"writegate/auth"
	"writegate/configs"
)

// hs256 makes tokens with a shared secret, used as it is written, and with a kid in their header unless it is empty.
func hs256(secret configs.Secret, kid string) func(auth.MintOptions) (string, error) {
	return func(o auth.MintOptions) (string, error) {
		if strings.TrimSpace(o.Subject) == "" || o.TTL < time.Second || o.TTL > auth.MaxTTL {
			return "", errors.New("mint token: it needs a subject, and a time to live from 1s to 24h")
		}
		now := time.Now().Unix()
		fixed := jwt.MapClaims{"sub": o.Subject, "aud": o.Audience, "iat": now, "exp": now + int64(o.TTL/time.Second)}
		if o.Issuer != "" {
			fixed["iss"] = o.Issuer
		}
		claims := jwt.MapClaims{}
		maps.Copy(claims, o.Claims)
		maps.Copy(claims, fixed) // a claim cannot pass for one of these
		token := jwt.NewWithClaims(jwt.SigningMethodHS256, claims)
		if kid != "" {
			token.Header["kid"] = kid
		}
		return token.SignedString([]byte(secret))
	}
}
