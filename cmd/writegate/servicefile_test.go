package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"writegate/auth"
	"writegate/internal/syncverify"
)

// The 32 bytes of a secret as the two ways of the vendor's documentation write them.
const (
	secretText = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="                // openssl rand -base64 32
	secretURL  = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY"                 // the same with tr
	secretHash = "TURFeU16UTFOamM0T1dGaVkyUmxaakF4TWpNME5UWTNPRGxoWW1Oa1pXWT0" // the text encoded once more
)

// pair is a key with its public half as YAML, as mkjwk and pem-jwk write it.
func pair(t *testing.T, alg, kid string) (privatePEM, publicYAML string) {
	t.Helper()
	key, err := auth.GenerateKey(alg)
	if err != nil {
		t.Fatal(err)
	}
	der, err := key.PKCS8()
	if err != nil {
		t.Fatal(err)
	}
	half, err := publicMembers(key)
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	fmt.Fprintf(&out, "      - kty: %s\n        alg: %s\n        kid: '%s'\n", half["kty"], alg, kid)
	for _, member := range []string{"n", "e", "crv", "x", "y"} {
		if half[member] != "" {
			fmt.Fprintf(&out, "        %s: '%s'\n", member, half[member])
		}
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})), out.String()
}

// TestServiceToken makes tokens as the vendor's command does, in the layouts of its documentation, and has them judged
// by the service's rules.
func TestServiceToken(t *testing.T) {
	rsaPEM, rsaYAML := pair(t, "RS256", "rsa-1")
	edPEM, edYAML := pair(t, "EdDSA", "ed")
	oct := "      - kty: oct\n        alg: 'HS256'\n        k: '%s'\n        kid: 'dev-key-1'\n"
	const audience = "  audience: ['http://localhost:8080', 'http://127.0.0.1:8080']\n"
	for name, tt := range map[string]struct {
		service string // client_auth
		cli     string
		private string
		args    []string
		alg     string
		kid     string
		aud     []string
	}{
		"HS256":             {audience + "  jwks:\n    keys:\n" + fmt.Sprintf(oct, secretURL), "", "", nil, "HS256", "dev-key-1", []string{"http://localhost:8080", "http://127.0.0.1:8080"}},
		"HS256, padded":     {audience + "  jwks:\n    keys:\n" + fmt.Sprintf(oct, secretText), "", "", nil, "HS256", "dev-key-1", []string{"http://localhost:8080", "http://127.0.0.1:8080"}},
		"HS256, twice":      {audience + "  jwks:\n    keys:\n" + fmt.Sprintf(oct, secretHash), "", "", nil, "HS256", "dev-key-1", []string{"http://localhost:8080", "http://127.0.0.1:8080"}},
		"HS256, of two":     {audience + "  jwks:\n    keys:\n" + rsaYAML + fmt.Sprintf(oct, secretURL), "", "", nil, "HS256", "dev-key-1", []string{"http://localhost:8080", "http://127.0.0.1:8080"}},
		"HS256, by kid":     {audience + "  jwks:\n    keys:\n" + fmt.Sprintf(oct, secretURL) + strings.ReplaceAll(fmt.Sprintf(oct, secretText), "dev-key-1", "other"), "", "", []string{"--kid", "other"}, "HS256", "other", []string{"http://localhost:8080", "http://127.0.0.1:8080"}},
		"HS256, linked":     {"  audience: [powersync]\n  jwks:\n    keys:\n" + fmt.Sprintf(oct, secretURL), "type: self-hosted\napi_url: http://sync.local:8080\n", "", nil, "HS256", "dev-key-1", []string{"http://sync.local:8080", "powersync"}},
		"HS256, --endpoint": {"  audience: powersync\n  jwks:\n    keys:\n" + fmt.Sprintf(oct, secretURL), "api_url: http://sync.local:8080\n", "", []string{"--endpoint", "http://x:1"}, "HS256", "dev-key-1", []string{"http://x:1", "powersync"}},
		"HS256, !env":       {"  audience:\n    - !env PS_AUDIENCE\n  jwks_uri: !env PS_NOT_SET\n  jwks:\n    keys:\n      - {kty: oct, alg: HS256, kid: a, k: !env PS_SECRET}\n", "", "", nil, "HS256", "a", []string{"from-env"}},
		"RS256":             {audience + "  jwks:\n    keys:\n" + rsaYAML, "", rsaPEM, nil, "RS256", "rsa-1", []string{"http://localhost:8080", "http://127.0.0.1:8080"}},
		"RS256, of two":     {audience + "  jwks:\n    keys:\n" + fmt.Sprintf(oct, secretURL) + edYAML + rsaYAML, "", rsaPEM, nil, "RS256", "rsa-1", []string{"http://localhost:8080", "http://127.0.0.1:8080"}},
		"EdDSA":             {audience + "  jwks:\n    keys:\n" + edYAML, "", edPEM, nil, "EdDSA", "ed", []string{"http://localhost:8080", "http://127.0.0.1:8080"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("PS_SECRET", secretURL)
			t.Setenv("PS_AUDIENCE", "from-env")
			file := serviceFolder(t, tt.service, tt.cli)
			args := append([]string{"token", "--service-yaml", file, "--sub", "test-user"}, tt.args...)
			if tt.private != "" {
				path := filepath.Join(t.TempDir(), "private-key.pem")
				if err := os.WriteFile(path, []byte(tt.private), 0o600); err != nil {
					t.Fatal(err)
				}
				args = append(args, "--private-key", path)
			}
			var stdout, stderr bytes.Buffer
			if code := run(t.Context(), args, &stdout, &stderr); code != 0 || stderr.Len() > 0 {
				t.Fatalf("%d: %s", code, &stderr)
			}
			token := strings.TrimSuffix(stdout.String(), "\n")
			var header map[string]any
			decodePart(t, token, 0, &header)
			if diff := cmp.Diff(map[string]any{"alg": tt.alg, "kid": tt.kid, "typ": "JWT"}, header); diff != "" {
				t.Error(diff)
			}
			var claims struct {
				Sub, Iss string
				Aud      []string
				Iat, Exp int64
			}
			decodePart(t, token, 1, &claims)
			if claims.Sub != "test-user" || claims.Iss != "powersync-cli" || claims.Exp-claims.Iat != 43200 || time.Since(time.Unix(claims.Iat, 0)) > time.Minute {
				t.Errorf("%+v", claims)
			}
			if diff := cmp.Diff(tt.aud, claims.Aud); diff != "" {
				t.Error(diff)
			}
			service, err := syncverify.New(syncverify.Options{Audience: tt.aud[len(tt.aud)-1:], JWKS: serviceKeys(t, file)})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := service.Verify(t.Context(), token); err != nil {
				t.Error(err)
			}
		})
	}
}

// serviceFolder writes the files of a sync service and returns the path of service.yaml.
func serviceFolder(t *testing.T, clientAuth, cli string) string {
	t.Helper()
	dir := t.TempDir()
	text := "_type: self-hosted\nreplication:\n  connections:\n    - type: postgresql\n      uri: !env PS_DATA_SOURCE_URI\nport: !env PS_PORT\nclient_auth:\n" + clientAuth
	for name, text := range map[string]string{"service.yaml": text, "cli.yaml": cli} {
		if text == "" {
			continue
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, "service.yaml")
}

// TestLinkedFaults: a token without the address that the vendor's command would put into it helps nobody.
func TestLinkedFaults(t *testing.T) {
	hs := "  audience: [a]\n  jwks: {keys: [{kty: oct, alg: HS256, k: aHVudGVyMg}]}\n"
	for cli, want := range map[string]string{
		"api_url: !env WG_NOT_SET\n":      "cli.yaml: api_url: the variable that !env names in line 1 is not set, or empty; set it for this process; or give --endpoint",
		"api_url: [http://hunter2\n":      "cli.yaml: neither YAML nor JSON; see to the quotes, brackets and indentation in line 1; or give --endpoint",
		"api_url: [http://hunter2, b]\n":  "cli.yaml: api_url: ",
		"type: cloud\ninstance_id: abc\n": "",
	} {
		var stdout, stderr bytes.Buffer
		code := run(t.Context(), []string{"token", "--service-yaml", serviceFolder(t, hs, cli), "--sub", "u"}, &stdout, &stderr)
		if (code == 0) != (want == "") || !strings.Contains(stderr.String(), want) || strings.Contains(stderr.String(), "hunter") {
			t.Errorf("%s: %d %s\nwant %s", cli, code, &stderr, want)
		}
	}
}

// serviceKeys are the keys in the file as a key set.
func serviceKeys(t *testing.T, file string) []byte {
	t.Helper()
	service, err := readService(file)
	if err != nil {
		t.Fatal(err)
	}
	set := map[string][]map[string]string{}
	for _, item := range service.Under("client_auth", "jwks", "keys").Items() {
		key, err := membersOf(item)
		if err != nil {
			t.Fatal(err)
		}
		if key["k"] != "" {
			key["k"] = strings.NewReplacer("+", "-", "/", "_", "=", "").Replace(key["k"])
		}
		set["keys"] = append(set["keys"], key)
	}
	text, err := json.Marshal(set)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func decodePart(t *testing.T, token string, part int, into any) {
	t.Helper()
	text, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[part])
	if err == nil {
		err = json.Unmarshal(text, into)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestServiceTokenFaults: each says where, and none says what stands there.
func TestServiceTokenFaults(t *testing.T) {
	rsaPEM, _ := pair(t, "RS256", "a")
	_, otherYAML := pair(t, "RS256", "a")
	const hs = "  audience: [a]\n  jwks:\n    keys:\n      - {kty: oct, alg: HS256, kid: a, k: hunter2}\n"
	for name, tt := range map[string]struct {
		service string
		args    []string
		want    string
	}{
		"no keys":         {"  audience: [a]\n  jwks_uri: https://x.example\n", nil, "service.yaml: client_auth.jwks.keys: missing; the service has no keys written in its file"},
		"no audience":     {"  jwks: {keys: []}\n", nil, "service.yaml: client_auth.audience: missing, and without one the sync service takes no token; add it there, or give --endpoint"},
		"a public key":    {"  audience: [a]\n  jwks:\n    keys:\n" + otherYAML, nil, "service.yaml: client_auth.jwks.keys: no HS256 key; for a public key give its private half with --private-key"},
		"another kid":     {hs, []string{"--kid", "b"}, `service.yaml: client_auth.jwks.keys: no HS256 key with kid "b"; for a public key give its private half with --private-key`},
		"another pair":    {"  audience: [a]\n  jwks:\n    keys:\n" + otherYAML, []string{"--private-key", "key.pem"}, "service.yaml: client_auth.jwks.keys: no key is the public half of the one in key.pem"},
		"no private key":  {hs, []string{"--private-key", "service.yaml"}, "service.yaml: client_auth.jwks.keys: private key: service.yaml: neither a PEM block, nor a JSON Web Key, nor the base64 of one"},
		"not base64":      {strings.ReplaceAll(hs, "hunter2", "hunter!"), nil, "service.yaml: client_auth.jwks.keys: [0].k: not base64url"},
		"not set":         {strings.ReplaceAll(hs, "hunter2", "!env hunter3"), nil, "service.yaml: client_auth.jwks.keys: [0]: k: the variable that !env names in line 11 is not set, or empty; set it for this process"},
		"another tag":     {strings.ReplaceAll(hs, "hunter2", "!secret hunter2"), nil, "service.yaml: client_auth.jwks.keys: [0]: k: has a tag; !env NAME is the one that is known"},
		"keys no mapping": {"  audience: [a]\n  jwks: {keys: [hunter2]}\n", nil, "service.yaml: client_auth.jwks.keys: [0]: not a mapping"},
		"not YAML":        {"  audience: [hunter2\n", nil, "service.yaml: neither YAML nor JSON; see to the quotes, brackets and indentation in line 8"},
		"no file":         {"", []string{"--service-yaml", "none.yaml"}, "none.yaml: no such file or directory"},
		"a key of others": {hs, []string{"--private-key", "open.pem"}, "private key: open.pem may be read by others (mode 644); run chmod 600 on it"},
		"the life":        {hs, []string{"--ttl", "25h"}, "time to live is not between 1s and 24h"},
		"claims":          {hs, []string{"--claim", "sub=root", "--claim", "nbf=1", "--claim", "parameters=5"}, "claim sub can't be set this way\nclaim nbf can't be set this way\nclaim parameters is not an object"},
		"endpoint":        {hs, []string{"--endpoint", "localhost:8080"}, "--endpoint localhost:8080: write an address such as http://localhost:8080"},
		"two sources":     {hs, []string{"--data", "d"}, "give one of --data, --config and --service-yaml"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Chdir(filepath.Dir(serviceFolder(t, tt.service, "")))
			if err := os.WriteFile("key.pem", []byte(rsaPEM), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile("open.pem", []byte(rsaPEM), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(os.Chmod("open.pem", 0o644), os.Chmod("service.yaml", 0o600)); err != nil {
				t.Fatal(err)
			}
			var stdout, stderr bytes.Buffer
			code := run(t.Context(), append([]string{"token", "--service-yaml", "service.yaml", "--sub", "u"}, tt.args...), &stdout, &stderr)
			if code == 0 || stdout.Len() > 0 || !strings.Contains(stderr.String(), tt.want) || strings.Contains(stderr.String(), "hunter") {
				t.Errorf("%d %s\nwant %s", code, &stderr, tt.want)
			}
		})
	}
}
