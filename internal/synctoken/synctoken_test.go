package synctoken

import "testing"

func TestIsInstance(t *testing.T) {
	for text, want := range map[string]bool{
		"https://x.powersync.journeyapps.com": true,
		"http://localhost:8080":               true,
		"https://x.example/a":                 true,
		"https://x.example/":                  false,
		"https://x.example/a/":                false,
		"wss://x.example":                     false,
		"x.example":                           false,
		"https:///a":                          false,
		"https://a:b@x.example":               false,
		"https://x.example?a=b":               false,
		"https://x.example#a":                 false,
		"https://%zz":                         false,
		"":                                    false,
	} {
		if got := IsInstance(text); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}

func TestReserved(t *testing.T) {
	for _, name := range []string{"iss", "sub", "aud", "exp", "nbf", "iat", "parameters", ClaimAnonymous} {
		if !Reserved(name) {
			t.Errorf("%s can be set", name)
		}
	}
	for _, name := range []string{"role", "Sub", ""} {
		if Reserved(name) {
			t.Errorf("%q can't be set", name)
		}
	}
}
