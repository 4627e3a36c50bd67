package main

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestDevCurl pastes the printed curl into a shell.
func TestDevCurl(t *testing.T) {
	if _, err := exec.LookPath("curl"); err != nil {
		if os.Getenv("WRITEGATE_TEST_ALL") == "1" {
			t.Fatal(err)
		}
		t.Skip("there is no curl")
	}
	for _, flags := range [][]string{nil, {"--no-auth"}} {
		t.Run(strings.Join(flags, " "), func(t *testing.T) {
			d := start(t, append([]string{"dev", "--addr", "127.0.0.1:0", "--data", filepath.Join(t.TempDir(), "data")}, flags...)...)
			_, command, ok := strings.Cut(d.stdout.String(), "\ncurl ")
			if !ok {
				t.Fatalf("no curl in:\n%s", d.stdout)
			}
			for range 2 { // the second time it is a repetition
				out, err := exec.CommandContext(t.Context(), "sh", "-c", "curl -sS -w '\\n%{http_code}' "+command).CombinedOutput()
				if err != nil {
					t.Fatalf("%v: %s", err, out)
				}
				for _, want := range []string{"\n200", `"applied":1`, `"rejected":0`, `"status":"applied"`} {
					if !strings.Contains(string(out), want) {
						t.Errorf("no %s in the answer:\n%s", want, out)
					}
				}
			}
			d.stop()
			if log := d.stderr.String(); !strings.Contains(log, "replayed=1") {
				t.Errorf("the second try was not recognised:\n%s", log)
			}
		})
	}
}

// TestDevWarns wants each danger said on stderr, and no token in the log.
func TestDevWarns(t *testing.T) {
	d := start(t, "dev", "--addr", "127.0.0.1:0", "--data", t.TempDir())
	status, answer := d.call(t, http.MethodGet, "/api/auth/token?user_id=alice", "", "")
	given, _ := answer["token"].(string)
	if status != http.StatusOK || given == "" {
		t.Fatalf("%d %v", status, answer)
	}
	if status, answer := d.call(t, http.MethodPost, "/api/data", given, firstWrite); status != http.StatusOK {
		t.Errorf("%d %v", status, answer)
	}
	if status, answer := d.call(t, http.MethodPost, "/api/data", "", firstWrite); status != http.StatusUnauthorized {
		t.Errorf("without a token: %d %v", status, answer)
	}
	d.stop()
	log := d.stderr.String()
	for _, want := range []string{"DEVELOPMENT ONLY", "EVERY WRITE IS ALLOWED", "TABLES AND COLUMNS ARE CREATED", "TOKENS FOR ANY USER", "subject=alice"} {
		if !strings.Contains(log, want) {
			t.Errorf("no %q on stderr:\n%s", want, log)
		}
	}
	if strings.Contains(log, "eyJ") {
		t.Errorf("a token in the log:\n%s", log)
	}
	if strings.Contains(d.stdout.String(), "!!") {
		t.Error("warnings on stdout")
	}
}

// TestDevOrigins has pages of other sites kept from a token, and from writing what no preflight asks for.
func TestDevOrigins(t *testing.T) {
	for _, flags := range [][]string{nil, {"--no-auth"}} {
		d := start(t, append([]string{"dev", "--addr", "127.0.0.1:0", "--data", t.TempDir()}, flags...)...)
		for origin, local := range map[string]bool{
			"http://localhost:5173":          true,
			"http://127.0.0.1:8080":          true,
			"http://localhost":               true,
			"capacitor://localhost":          true,
			"https://evil.example":           false,
			"http://localhost.evil.example":  false,
			"https://localhost.evil.example": false,
			"http://127.0.0.1.evil.example":  false,
			"null":                           false,
		} {
			got := d.visit(t, http.MethodGet, "/api/auth/token", "", origin)
			if want := allowed(local, 200); got != want {
				t.Errorf("%v, %s: a token: %d, want %d", flags, origin, got, want)
			}
			written := 401
			if flags != nil {
				written = 200
			}
			got = d.visit(t, http.MethodPost, "/api/data", "", origin)
			if want := allowed(local, written); got != want {
				t.Errorf("%v, %s: a write: %d, want %d", flags, origin, got, want)
			}
		}
	}
}

// TestDevHosts has a page kept away whose own name leads to this machine: to a browser it is no other site.
func TestDevHosts(t *testing.T) {
	for _, lan := range []bool{false, true} {
		args := []string{"dev", "--addr", "127.0.0.1:0", "--data", t.TempDir()}
		if lan {
			args = append(args, "--lan")
		}
		d := start(t, args...)
		for host, local := range map[string]bool{"127.0.0.1:6060": true, "localhost:6060": true, "evil.example:6060": false} {
			for _, path := range []string{"/", "/livez", "/api/auth/keys"} {
				if got, want := d.visit(t, http.MethodGet, path, host, "http://"+host), allowed(local || lan, 200); got != want {
					t.Errorf("--lan %v, %s of %s: %d, want %d", lan, path, host, got, want)
				}
			}
		}
	}
}

func allowed(is bool, status int) int {
	if is {
		return status
	}
	return http.StatusForbidden
}

// visit makes a request as a page does, and returns its status.
func (d *daemon) visit(t *testing.T, method, path, host, origin string) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, d.url+path, strings.NewReader(firstWrite))
	if err != nil {
		t.Fatal(err)
	}
	req.Host = host
	req.Header.Set("Origin", origin)
	req.Header.Set("Content-Type", "text/plain")
	res, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if got := res.Header.Get("Access-Control-Allow-Origin"); res.StatusCode == http.StatusForbidden && got != "" {
		t.Errorf("%s: Access-Control-Allow-Origin: %q", origin, got)
	}
	return res.StatusCode
}

// TestDevLAN hands out no tokens to whoever is in the network.
func TestDevLAN(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	d := start(t, "dev", "--lan", "--addr", "127.0.0.1:0", "--data", data)
	if status, answer := d.call(t, http.MethodGet, "/api/auth/token?user_id=alice", "", ""); status != http.StatusNotFound {
		t.Errorf("a token for anybody: %d %v", status, answer)
	}
	if status, answer := d.call(t, http.MethodPost, "/api/data", "", firstWrite); status != http.StatusUnauthorized {
		t.Errorf("without a token: %d %v", status, answer)
	}
	alice := token(t, "--data", data, "--sub", "alice")
	if status, answer := d.call(t, http.MethodPost, "/api/data", alice, firstWrite); status != http.StatusOK {
		t.Errorf("with a token: %d %v", status, answer)
	}
}

// TestDevPage wants the page with tokens only where anybody may have one: on this machine, under its own names.
func TestDevPage(t *testing.T) {
	for _, lan := range []bool{false, true} {
		args := []string{"dev", "--addr", "127.0.0.1:0", "--data", t.TempDir()}
		want := map[string]int{"127.0.0.1:6060": http.StatusOK, "evil.example:6060": http.StatusForbidden}
		if lan {
			args = append(args, "--lan")
			want = map[string]int{"127.0.0.1:6060": http.StatusNotFound}
		}
		d := start(t, args...)
		for host, status := range want {
			for _, path := range []string{"/dev", "/dev/", "/dev/page.js"} {
				if got := d.visit(t, http.MethodGet, path, host, "http://"+host); got != status {
					t.Errorf("--lan %v, %s of %s: %d, want %d", lan, path, host, got, status)
				}
			}
		}
		if got := strings.Contains(d.stdout.String(), d.url+"/dev\n"); got == lan {
			t.Errorf("--lan %v, the page is announced: %v", lan, got)
		}
	}
}

// TestDevKeeps restarts dev on the same folder: the tokens, tables and rows are still there.
func TestDevKeeps(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	d := start(t, "dev", "--addr", "127.0.0.1:0", "--data", data)
	alice := token(t, "--data", data, "--sub", "alice", "--claim", "role=admin")
	if status, answer := d.call(t, http.MethodPost, "/api/data", alice, firstWrite); status != http.StatusOK {
		t.Fatalf("%d %v", status, answer)
	}
	d.stop()

	d = start(t, "dev", "--addr", "127.0.0.1:0", "--data", data)
	waitForSync(t, d, alice, "Buy milk")
	// A new column grows an old table, and the policy follows.
	more := `{"client_id":"curl","batch":[{"op_id":2,"op":"PATCH","type":"todos","id":"todo-1","data":{"due":"today"}}]}`
	if status, answer := d.call(t, http.MethodPost, "/api/data", alice, more); status != http.StatusOK || answer["applied"] != 1.0 {
		t.Errorf("%d %v", status, answer)
	}
	waitForSync(t, d, alice, "today")
	info, err := os.Stat(data)
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the data folder: %v, %v", info.Mode(), err)
	}
}

// waitForSync reads the development sync until it sends a value.
func waitForSync(t *testing.T, d *daemon, token, value string) {
	t.Helper()
	body := `{"buckets":[],"include_checksum":true,"raw_data":true,"client_id":"reader"}`
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, d.url+"/sync/stream", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", "application/json")
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 20 * time.Second}
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		t.Fatalf("/sync/stream: %s", res.Status)
	}
	var read strings.Builder
	buf := make([]byte, 4096)
	for {
		n, err := res.Body.Read(buf)
		read.Write(buf[:n])
		if strings.Contains(read.String(), value) {
			return
		}
		if err != nil {
			t.Fatalf("no %q before %v in %s", value, err, &read)
		}
	}
}

// TestWelcomeLAN prints what --lan says without opening anything.
func TestWelcomeLAN(t *testing.T) {
	w := welcome{flags: devFlags{lan: true}, addr: addr("[::]:6060"), token: "TOKEN"}
	out, warnings := w.String(), w.warnings()
	want := []string{"http://localhost:6060", "http://10.0.2.2:6060", "curl http://localhost:6060/api/data", "Bearer TOKEN"}
	if hosts := lanHosts(); len(hosts) > 0 {
		want = append(want, fmt.Sprintf("http://%s:6060", hosts[0]), "█")
	}
	for _, text := range want {
		if !strings.Contains(out, text) {
			t.Errorf("no %q in:\n%s", text, out)
		}
	}
	if !strings.Contains(warnings, "OPEN TO YOUR NETWORK") || strings.Contains(warnings, "TOKENS FOR ANY USER") {
		t.Errorf("warnings:\n%s", warnings)
	}
}

type addr string

func (addr) Network() string { return "tcp" }

func (a addr) String() string { return string(a) }

func TestSettle(t *testing.T) {
	tests := []struct {
		flags devFlags
		addr  string // "" means an error
	}{
		{devFlags{addr: "127.0.0.1:6060"}, "127.0.0.1:6060"},
		{devFlags{addr: "localhost:0"}, "localhost:0"},
		{devFlags{addr: "[::1]:6060"}, "[::1]:6060"},
		{devFlags{addr: ":6060"}, ""},
		{devFlags{addr: "192.168.0.7:6060"}, ""},
		{devFlags{addr: "127.0.0.1:6060", lan: true}, ":6060"},
		{devFlags{addr: "192.168.0.7:6060", lan: true}, "192.168.0.7:6060"},
		{devFlags{addr: "127.0.0.1:6060", noAuth: true}, "127.0.0.1:6060"},
		{devFlags{addr: ":6060", noAuth: true}, ""},
		{devFlags{addr: ":6060", lan: true, noAuth: true}, ""},
		{devFlags{addr: "6060"}, ""},
	}
	for _, tt := range tests {
		got := tt.flags
		err := got.settle(newDev())
		if (err != nil) != (tt.addr == "") || err == nil && got.addr != tt.addr {
			t.Errorf("%+v: %q, %v; want %q", tt.flags, got.addr, err, tt.addr)
		}
	}
}
