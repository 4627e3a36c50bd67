package main

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"writegate/auth"
	"writegate/auth/servicefile"
	"writegate/configs"
)

// cliIssuer is the iss of the tokens that the vendor's command makes.
const cliIssuer = "powersync-cli"

// serviceKey is where tokens come from that a sync service in development takes.
type serviceKey struct {
	file     string // its service.yaml
	endpoint string // its address, empty for the one in the file of the vendor's command that is beside it
	private  string // a file with a private key whose public half the service has, empty where its file has a secret
	kid      string // of the key to take, empty for the first
}

// signer signs as the vendor's command does: the first HS256 key of client_auth.jwks.keys, or else the private key given for one of
// the public ones there.
func (s serviceKey) signer() (func(auth.MintOptions) (string, error), auth.MintOptions, error) {
	o := auth.MintOptions{Issuer: cliIssuer}
	service, err := readService(s.file)
	if err != nil {
		return nil, o, err
	}
	if s.endpoint == "" {
		if s.endpoint, err = linkedAddress(filepath.Dir(s.file)); err != nil {
			return nil, o, fmt.Errorf("%w; or give --endpoint", err)
		}
	}
	if s.endpoint != "" {
		o.Audience = append(o.Audience, s.endpoint)
	}
	for _, item := range service.Under("client_auth", "audience").Items() {
		audience, err := item.Text()
		if err != nil {
			return nil, o, fmt.Errorf("%s: client_auth.audience: %w", s.file, err)
		}
		o.Audience = append(o.Audience, audience)
	}
	if len(o.Audience) == 0 {
		return nil, o, fmt.Errorf("%s: client_auth.audience: missing, and without one the sync service takes no token; add it there, or give --endpoint", s.file)
	}
	mint, err := s.find(service.Under("client_auth", "jwks", "keys").Items())
	if err != nil {
		return nil, o, fmt.Errorf("%s: client_auth.jwks.keys: %w", s.file, err)
	}
	return mint, o, nil
}

// find looks for the key to sign with among those of the service.
func (s serviceKey) find(keys []servicefile.Node) (func(auth.MintOptions) (string, error), error) {
	if len(keys) == 0 {
		return nil, errors.New("missing; the service has no keys written in its file")
	}
	var own *auth.Key
	if s.private != "" {
		var err error
		if own, err = readKey(strings.NewReader(""), s.private); err != nil {
			return nil, fmt.Errorf("private key: %w", err)
		}
	}
	for i, item := range keys {
		key, err := membersOf(item)
		if err != nil {
			return nil, fmt.Errorf("[%d]: %w", i, err)
		}
		if s.kid != "" && key["kid"] != s.kid {
			continue
		}
		switch {
		case own != nil:
			if same, err := isHalfOf(key, own); err != nil || same {
				return named(own, key, err)
			}
		case key["alg"] == "HS256" && key["k"] != "":
			secret, err := base64URL(key["k"])
			if err != nil {
				return nil, fmt.Errorf("[%d].k: not base64url", i)
			}
			return hs256(configs.Secret(secret), key["kid"]), nil
		}
	}
	return nil, s.none(own != nil)
}

// none says why there is no key.
func (s serviceKey) none(private bool) error {
	which := ""
	if s.kid != "" {
		which = fmt.Sprintf(" with kid %q", s.kid)
	}
	if private {
		return fmt.Errorf("no key%s is the public half of the one in %s", which, s.private)
	}
	return fmt.Errorf("no HS256 key%s; for a public key give its private half with --private-key", which)
}

// named is a private key under the kid and algorithm that the service knows it by.
func named(own *auth.Key, public map[string]string, err error) (func(auth.MintOptions) (string, error), error) {
	if err != nil {
		return nil, err
	}
	der, err := own.PKCS8()
	if err != nil {
		return nil, err
	}
	key, err := auth.ReadPKCS8(der, public["kid"], public["alg"])
	if err != nil {
		return nil, err
	}
	return key.Mint, nil
}

// isHalfOf reports whether a key of the service is the public half of a private one.
func isHalfOf(public map[string]string, own *auth.Key) (bool, error) {
	half, err := publicMembers(own)
	if err != nil {
		return false, err
	}
	same := public["kty"] == half["kty"]
	for _, member := range []string{"n", "e", "crv", "x", "y"} {
		same = same && strings.TrimRight(public[member], "=") == half[member]
	}
	return same, nil
}

// publicMembers are the members of the JSON Web Key that is the public half of a key.
func publicMembers(k *auth.Key) (map[string]string, error) {
	published, err := k.PublicJWKS()
	if err != nil {
		return nil, err
	}
	var set struct{ Keys []map[string]string }
	if err := json.Unmarshal(published, &set); err != nil || len(set.Keys) != 1 {
		return nil, fmt.Errorf("public half of %s: %w", k, err)
	}
	return set.Keys[0], nil
}

// base64URL decodes as the vendor's library does: either alphabet, with and without padding.
func base64URL(text string) ([]byte, error) {
	text = strings.NewReplacer("+", "-", "/", "_").Replace(strings.TrimRight(strings.TrimSpace(text), "="))
	return base64.RawURLEncoding.DecodeString(text)
}

// linkedAddress is the address in the file of the vendor's command in a folder, empty where there is none.
func linkedAddress(folder string) (string, error) {
	for _, name := range []string{"cli.yaml", "link.yaml"} {
		path := filepath.Join(folder, name)
		file, err := readService(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return "", err
		}
		address, err := file.Under("api_url").Text()
		if err != nil {
			return "", fmt.Errorf("%s: api_url: %w", path, err)
		}
		if address != "" {
			return address, nil
		}
	}
	return "", nil
}

// readService reads a file of the sync service. Its errors carry nothing of it.
func readService(path string) (servicefile.Node, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return servicefile.Node{}, err
	}
	file, err := servicefile.Parse(text, os.LookupEnv)
	if err != nil {
		return servicefile.Node{}, fmt.Errorf("%s: %w", path, err)
	}
	return file, nil
}

// membersOf are the members of a key that matter here.
func membersOf(n servicefile.Node) (map[string]string, error) {
	if n.Names() == nil {
		return nil, errors.New("not a mapping")
	}
	key := map[string]string{}
	for _, name := range []string{"kty", "alg", "kid", "k", "n", "e", "crv", "x", "y"} {
		value, err := n.Under(name).Text()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		if value != "" {
			key[name] = value
		}
	}
	return key, nil
}
