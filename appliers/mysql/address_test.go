package mysql

import (
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"
)

// TestAddresses holds our text of addresses against the server's.
func TestAddresses(t *testing.T) {
	engines(t, func(t *testing.T, e *engine) {
		if !e.mariadb() {
			t.Skip("MySQL has no type for addresses")
		}
		texts := []string{
			"::", "::1", "0:0:0:0:0:0:0:1", "FE80::1", "::ffff:1.2.3.4", "::ffff:102:304", "::1.2.3.4", "::2:3", "::0:5", "::1:0", "::ffff:0:0", "1::", "0:1::",
			"1:0:2:3:4:5:6:7", "1:0:0:2:3:0:0:4", "1:0:0:2:0:0:0:3", "0:2:3:4:5:6:7:8", "2:3:4:5:6:7:8:0", "::ffff:ffff:0", "0:0:0:0:ffff:1:2:3", "1:0:0:0:0:ffff:1.2.3.4",
			"2001:db8:1:2:3:4:5:6", "64:ff9b::192.0.2.1",
		}
		for range 200 {
			var raw [16]byte
			for range rand.IntN(6) {
				raw[rand.IntN(len(raw))] = byte(rand.IntN(256))
			}
			texts = append(texts, netip.AddrFrom16(raw).StringExpanded())
		}
		casts := make([]string, len(texts))
		for i, text := range texts {
			casts[i] = "CAST('" + text + "' AS INET6)"
		}
		want := strings.Split(e.scalar(t, e.database(t), "SELECT CONCAT_WS(' ', "+strings.Join(casts, ", ")+")"), " ")
		c := address("inet6")
		for i, text := range texts {
			if got, err := c.convert(text); err != nil || got != want[i] {
				t.Errorf("%s becomes %v, the server has %s: %v", text, got, want[i], err)
			}
			if again, err := c.convert(want[i]); err != nil || again != want[i] {
				t.Errorf("the stored %s becomes %v: %v", want[i], again, err)
			}
		}
		for data, wrong := range map[string][]any{"inet4": {"", "1.2.3", "01.2.3.4", "::1", "::ffff:1.2.3.4", true}, "inet6": {"", " ::1", "1.2.3.4", "fe80::1%eth0", "1::2::3", int64(1)}} {
			for _, v := range wrong {
				if got, err := address(data).convert(v); err == nil {
					t.Errorf("%v becomes %v of type %s", v, got, data)
				}
			}
		}
		if got, err := address("inet4").convert("192.0.2.1"); err != nil || got != "192.0.2.1" {
			t.Errorf("192.0.2.1 becomes %v: %v", got, err)
		}
	})
}
