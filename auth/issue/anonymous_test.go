package issue

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"writegate"
	"writegate/auth"
)

func TestAnonymousIsOff(t *testing.T) {
	_, err := mustNew(t, options(new(minted))).Issue(t.Context(), Request{Secret: strings.Repeat("a", 43)})
	if reasonOf(err) != "refused UNAUTHORIZED token.missing" {
		t.Errorf("%v", err)
	}
}

func TestFixed(t *testing.T) {
	m := new(minted)
	o := options(m)
	o.Anonymous = &Anonymous{Subject: Fixed, TTL: time.Minute}
	o.Claims = map[string]string{"role": "claims.role"} // those of users
	i := mustNew(t, o)
	got, err := i.Issue(t.Context(), Request{Secret: "whatever"})
	if err != nil || got.Secret != "" {
		t.Fatalf("%v, %v", got, err)
	}
	want := auth.MintOptions{
		Subject: "anonymous", Audience: []string{instance}, Issuer: "https://app.example", TTL: time.Minute,
		Claims: map[string]any{"is_anonymous": true}, Now: noon,
	}
	if diff := cmp.Diff(want, m.last); diff != "" {
		t.Error(diff)
	}
	// Nobody who is signed in may be taken for a device.
	if _, err := i.Issue(t.Context(), Request{Caller: &writegate.Caller{Subject: "anonymous"}}); reasonOf(err) != "forbidden UNAUTHORIZED issue.subject" {
		t.Errorf("%v", err)
	}
}

func TestUnique(t *testing.T) {
	m := new(minted)
	o := options(m)
	o.Anonymous = &Anonymous{Subject: Unique}
	i := mustNew(t, o)
	one, err := i.Issue(t.Context(), Request{})
	if err != nil {
		t.Fatal(err)
	}
	if len(one.Secret) != 43 || !strings.HasPrefix(one.Subject, "anon:") || len(one.Subject) != 27 || strings.Contains(one.Subject, one.Secret) {
		t.Errorf("%+v", one)
	}
	two, err := i.Issue(t.Context(), Request{})
	if err != nil || two.Subject == one.Subject || two.Secret == one.Secret {
		t.Errorf("%+v, %v", two, err)
	}
	again, err := i.Issue(t.Context(), Request{Secret: one.Secret})
	if err != nil || again.Subject != one.Subject || again.Secret != "" || m.last.Subject != one.Subject {
		t.Errorf("%+v, %v", again, err)
	}
	// The device's id is seen by others, and must not be enough to be the device.
	other, err := i.Issue(t.Context(), Request{Secret: strings.TrimPrefix(one.Subject, "anon:")})
	if err != nil || other.Subject == one.Subject {
		t.Errorf("%+v, %v", other, err)
	}
	for _, secret := range []string{one.Subject, strings.Repeat("a", 21), strings.Repeat("a", 129), strings.Repeat("é", 30), strings.Repeat(" ", 40)} {
		if _, err := i.Issue(t.Context(), Request{Secret: secret}); reasonOf(err) != "forbidden UNAUTHORIZED issue.secret" {
			t.Errorf("%q: %v", secret, err)
		}
	}
	if _, err := i.Issue(t.Context(), Request{Caller: &writegate.Caller{Subject: one.Subject}}); reasonOf(err) != "forbidden UNAUTHORIZED issue.subject" {
		t.Errorf("%v", err)
	}
}

func TestLimits(t *testing.T) {
	now := noon
	o := options(new(minted))
	o.Now = func() time.Time { return now }
	o.PerMinute = 2
	o.Anonymous = &Anonymous{Subject: Unique, PerMinute: 2, TotalPerMinute: 3}
	i := mustNew(t, o)
	user := func(name string) Request { return Request{Caller: &writegate.Caller{Subject: name}} }
	from := func(address string) Request { return Request{Address: netip.MustParseAddr(address)} }
	const over = "retry TOO_MANY_REQUESTS issue.too_many"
	for n, tt := range []struct {
		r    Request
		want string
	}{
		{user("alice"), ""},
		{user("alice"), ""},
		{user("alice"), over},
		{user("bob"), ""},
		{from("2001:db8::1"), ""},
		{from("2001:db8::2"), ""},
		{from("2001:db8::3"), over}, // the same network
		{from("2001:db8:0:1::1"), ""},
		{from("192.0.2.1"), over}, // of all
		{user("bob"), ""},
	} {
		_, err := i.Issue(t.Context(), tt.r)
		if reasonOf(err) != tt.want {
			t.Errorf("%d: %v, want %q", n, err, tt.want)
		}
		if err != nil && writegate.AsError(err).RetryAfter != 30*time.Second {
			t.Errorf("%d: to be tried again after %v", n, writegate.AsError(err).RetryAfter)
		}
	}
	now = now.Add(30 * time.Second)
	for _, r := range []Request{user("alice"), from("2001:db8::3"), from("192.0.2.1")} {
		if _, err := i.Issue(t.Context(), r); err != nil {
			t.Errorf("in the next minute: %v", err)
		}
	}
}

// TestReserved: a database may take texts for equal that differ in case, accents or width, in characters that don't show, or in
// spaces at their ends.
func TestReserved(t *testing.T) {
	for subject, names := range map[Subject]map[string]bool{
		Fixed: {
			"anonymous": true, "Anonymous": true, "anonymous ": true, "anonymous2": false, "anon:x": false, "": false,
			"Anónymous": true, "ａｎｏｎｙｍｏｕｓ": true, "anony\u00admous": true, "anonymous\u00a0": true, "anonymous\x00": true, "anónymous2": false, "анонимус": false,
		},
		Unique: {
			"anon:x": true, "ANON:x": true, "anon:": true, "anon": false, "anonymous": false, "": false,
			"ánon:x": true, "ａｎｏｎ：x": true, "\u200banon:x": true, "an\u00adon:x": true, "anon\x00:x": true, "ánonx:": false, "zoë": false,
		},
	} {
		o := options(new(minted))
		o.Anonymous = &Anonymous{Subject: subject}
		i := mustNew(t, o)
		for name, want := range names {
			if got := i.Reserved(name); got != want {
				t.Errorf("%s: %q is reserved: %v", subject, name, got)
			}
		}
	}
}

// TestLimitsForget: whoever has many addresses fills no memory once all together got what they may.
func TestLimitsForget(t *testing.T) {
	o := options(new(minted))
	o.Anonymous = &Anonymous{Subject: Unique, PerMinute: 2, TotalPerMinute: 3}
	i := mustNew(t, o)
	for n := range 100 {
		_, err := i.Issue(t.Context(), Request{Address: netip.AddrFrom4([4]byte{192, 0, 2, byte(n)})})
		if (err == nil) != (n < 3) {
			t.Errorf("%d: %v", n, err)
		}
	}
	if n := len(i.addresses.counts); n != 3 {
		t.Errorf("%d addresses are counted", n)
	}
}

// TestNetwork: what counts as one address.
func TestNetwork(t *testing.T) {
	got := ""
	for _, a := range []string{"192.0.2.1", "::ffff:192.0.2.1", "2001:db8::1", "2001:db8::2", "fe80::1%eth0"} {
		got += fmt.Sprintln(a, network(netip.MustParseAddr(a)))
	}
	want := "192.0.2.1 192.0.2.1\n::ffff:192.0.2.1 192.0.2.1\n2001:db8::1 2001:db8::/64\n2001:db8::2 2001:db8::/64\nfe80::1%eth0 fe80::/64\n"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
