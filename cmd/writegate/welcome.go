package main

import (
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"

	"github.com/mdp/qrterminal/v3"

	"writegate/cmd/writegate/devpage"
)

// emulatorHost is what an Android emulator calls the machine that it runs on.
const emulatorHost = "10.0.2.2"

// welcome is what dev says when it listens.
type welcome struct {
	flags devFlags
	addr  net.Addr
	about string
	token string
}

// warnings say loudly what production never has.
func (w *welcome) warnings() string {
	lines := []string{"DEVELOPMENT ONLY. Every user can read every row."}
	if w.flags.config == "" {
		lines = append(lines,
			"EVERY WRITE IS ALLOWED: there is no policy.",
			"TABLES AND COLUMNS ARE CREATED from whatever arrives.")
	}
	switch {
	case w.flags.noAuth:
		lines = append(lines, "NO TOKENS: every request is believed to come from the user it names.")
	case w.flags.lan:
		lines = append(lines, "OPEN TO YOUR NETWORK: everybody in it can reach this address.")
	default:
		lines = append(lines, "TOKENS FOR ANY USER are handed out at /api/auth/token.")
	}
	return "!! " + strings.Join(lines, "\n!! ") + "\n"
}

// String says where dev listens, and gives a token and a curl to paste.
func (w *welcome) String() string {
	var out strings.Builder
	fmt.Fprintf(&out, "\nwritegate dev: %s\n\n", w.about)
	base := w.addresses(&out)
	if !w.flags.lan {
		fmt.Fprintf(&out, "  tokens to copy     %s%s\n", base, devpage.Path)
	}
	authorization := ""
	if !w.flags.noAuth {
		fmt.Fprintf(&out, "\nA token for the user %q, good for 12 hours:\n\n%s\n", devSubject, w.token)
		authorization = " \\\n  -H 'Authorization: Bearer " + w.token + "'"
	}
	if w.flags.config != "" {
		fmt.Fprintf(&out, "\nIs the database there?\n\ncurl %s/readyz\n", base)
		return out.String()
	}
	fmt.Fprintf(&out, "\nA first write, to paste into another shell:\n\ncurl %s/api/data%s \\\n  -H 'Content-Type: application/json' \\\n  -d '%s'\n",
		base, authorization, firstWrite)
	return out.String()
}

// addresses writes under which addresses dev can be reached, and returns the one for this machine.
func (w *welcome) addresses(out *strings.Builder) (base string) {
	host, port, err := net.SplitHostPort(w.addr.String())
	if ip := net.ParseIP(host); err != nil || ip == nil || !ip.IsUnspecified() {
		base = "http://" + w.addr.String()
		fmt.Fprintf(out, "  uploads and sync   %s\n", base)
		if w.flags.lan {
			code(out, base)
		}
		return base
	}
	base = "http://localhost:" + port
	fmt.Fprintf(out, "  this machine       %s\n", base)
	fmt.Fprintf(out, "  Android emulator   http://%s:%s\n", emulatorHost, port)
	hosts := lanHosts()
	for _, host := range hosts {
		fmt.Fprintf(out, "  your network       http://%s\n", net.JoinHostPort(host, port))
	}
	if len(hosts) > 0 {
		code(out, "http://"+net.JoinHostPort(hosts[0], port))
	}
	return base
}

// code draws a QR code.
func code(out io.Writer, text string) {
	fmt.Fprintln(out)
	qrterminal.GenerateWithConfig(text, qrterminal.Config{
		Level: qrterminal.L, Writer: out, QuietZone: 2, HalfBlocks: true,
		BlackChar: qrterminal.BLACK_BLACK, WhiteChar: qrterminal.WHITE_WHITE,
		BlackWhiteChar: qrterminal.BLACK_WHITE, WhiteBlackChar: qrterminal.WHITE_BLACK,
	})
}

// firstWrite carries ids, so that pasting it twice shows that it takes effect once.
const firstWrite = `{"client_id":"curl","batch":[{"op_id":1,"op":"PUT","type":"todos","id":"todo-1","data":{"description":"Buy milk","completed":0}}]}`

// lanHosts are the addresses under which others in the network find this machine, IPv4 ones first.
func lanHosts() []string {
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return nil
	}
	var v4, v6 []string
	for _, a := range addrs {
		prefix, err := netip.ParsePrefix(a.String())
		if err != nil {
			continue
		}
		ip := prefix.Addr()
		switch {
		case ip.IsLoopback() || ip.IsLinkLocalUnicast():
		case ip.Is4():
			v4 = append(v4, ip.String())
		default:
			v6 = append(v6, ip.String())
		}
	}
	return append(v4, v6...)
}
