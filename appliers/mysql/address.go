package mysql

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"writegate"
)

var (
	errInet4 = errors.New("must be an IPv4 address such as 192.0.2.1")
	errInet6 = errors.New("must be an IPv6 address such as 2001:db8::1")
)

// address is an INET4 or INET6 of MariaDB. An address can be written in many ways, and rules and lookups compare texts:
// the stored value is the one text that the server makes of it.
func address(data string) *codec {
	return textual(writegate.Other, func(v any) (any, error) {
		s, err := toText(v)
		if err != nil {
			return nil, err
		}
		a, err := netip.ParseAddr(s)
		switch {
		case data == "inet4" && (err != nil || !a.Is4()):
			return nil, errInet4
		case data == "inet4":
			return a.String(), nil
		case err != nil || !a.Is6() || a.Zone() != "":
			return nil, errInet6
		}
		return inet6Text(a), nil
	})
}

// inet6Text writes an address as MariaDB does: the first longest run of zeros is left out, be it a single one, and what
// is behind six of them, or five and ffff, is an IPv4 address.
func inet6Text(a netip.Addr) string {
	raw := a.As16()
	var words [8]uint16
	first, most := 0, 0
	for i, run := 0, 0; i < len(words); i++ {
		words[i] = binary.BigEndian.Uint16(raw[2*i:])
		if run++; words[i] != 0 {
			run = 0
		}
		if run > most {
			first, most = i+1-run, run
		}
	}
	var b strings.Builder
	for i := 0; i < len(words); i++ {
		switch {
		case most > 0 && i == first:
			b.WriteString("::")
			i += most - 1
		case i == 6 && first == 0 && (most == 6 || most == 5 && words[5] == 0xffff):
			if most == 5 {
				b.WriteString(":")
			}
			b.WriteString(netip.AddrFrom4([4]byte(raw[12:])).String())
			return b.String()
		default:
			if i > 0 && i != first+most {
				b.WriteString(":")
			}
			fmt.Fprintf(&b, "%x", words[i])
		}
	}
	return b.String()
}
