package configs

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"writegate/internal/files"
)

const (
	// leastAdminToken is the shortest token of an operator, in bytes: longer than anybody can guess.
	leastAdminToken = 32
	// maxAdminTokens is the largest file of them, in bytes.
	maxAdminTokens = 64 << 10
)

// ReadAdminTokens reads the tokens of operators from a file, one on a line, so that an old one can stay good while the
// new one is handed out. A file that others may read is an error. No error carries any of the text.
func ReadAdminTokens(path string) ([]string, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("can't be opened: %w", reasonOf(err))
	}
	defer func() { _ = f.Close() }()
	if err := files.CheckSecret(f); err != nil {
		return nil, err
	}
	text, err := io.ReadAll(io.LimitReader(f, maxAdminTokens+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("can't be read: %w", reasonOf(err))
	case len(text) > maxAdminTokens:
		return nil, errors.New("is larger than 64 KiB")
	}
	var tokens []string
	n := 0
	for line := range strings.Lines(string(text)) {
		n++
		token := strings.TrimSpace(line)
		switch {
		case token == "":
		case !isAdminToken(token):
			return nil, fmt.Errorf("has no token on line %d: one has at least %d characters, none of them a space", n, leastAdminToken)
		default:
			tokens = append(tokens, token)
		}
	}
	if len(tokens) == 0 {
		return nil, errors.New("is empty")
	}
	return tokens, nil
}

// isAdminToken reports whether a text can stand in a header, and can't be guessed by trying.
func isAdminToken(text string) bool {
	for _, c := range []byte(text) {
		if c <= ' ' || c > '~' {
			return false
		}
	}
	return len(text) >= leastAdminToken
}

func (d *decoder) validateAdmin(s *Server) {
	const path = "server.admin"
	a := &s.Admin
	if !d.given(path) {
		return
	}
	d.required(path+".addr", a.Addr != "", "the address to listen on, such as 127.0.0.1:6061")
	d.check(path+".addr", a.Addr == "" || isListener(a.Addr), "must be host:port with a port from 0 to 65535")
	d.check(path+".addr", a.Addr != s.Addr || strings.HasSuffix(s.Addr, ":0"), "equal to server.addr, where anybody may call")
	d.check("server.metrics_addr", !d.given("server.metrics_addr"), "server.admin is given, too, and serves the metrics; keep one of them")
	d.check(path+".user_tokens", !a.UserTokens || d.given("auth.key_file") || d.given("auth.key") || d.given("keys"), "there is no key of our own to sign with; give auth.key_file or keys")
	d.required(path+".token_file", d.given(path+".token") || a.TokenFile != "", "a file with the tokens of operators; or give token")
	d.check(path+".token", !d.given(path+".token") || a.TokenFile == "", "token_file is given, too; keep one of them")
	d.check(path+".token", !d.given(path+".token") || isAdminToken(string(a.Token)), "must have at least 32 characters, none of them a space; openssl rand -hex 32 makes one")
}

// readAdminTokens has faults in the file found at the start. It is read again for each request.
func (d *decoder) readAdminTokens(a *Admin) {
	if a.TokenFile == "" {
		return
	}
	if _, err := ReadAdminTokens(a.TokenFile); err != nil {
		d.check("server.admin.token_file", false, fmt.Sprintf("the file %s %v", a.TokenFile, err))
	}
}
