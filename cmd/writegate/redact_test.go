package main

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"writegate/configs"
)

// addresses are ways to write a password into a DSN, most of them wrong in some way. All are S3cret, or have
// it and pa55 in them.
var addresses = []string{
	"postgres://app:S3cret@host:bad/db",
	"postgres://app:S3cret:pa55@host:bad/db",
	"postgres://app:S3cret@pa55@host:bad/db",
	"postgres://app:S3cret%zz!pa55@host/db",
	"postgres://app:S3cret/pa55@host/db",
	"postgres://app:S3cret?pa55@host:5432/db",
	"postgres://app:S3cret#pa55@host:5432/db",
	"postgres://app:S3cret@host name/db",
	"postgres://app:%533cret@host:bad/db",
	"postgresql://app@host/db?password=S3cret&port=bad",
	"postgresql://app@host/db?sslpassword=S3cret&port=bad",
	"postgres://host/db?user=a&password=%533cret&sslmode=bogus",
	"host=x password=S3cret port=bad",
	"host=x password='S3cret pa55' port=bad",
	"host=x password = S3cret port=bad",
	"host=x password = 'S3cret \\'pa55' port=bad",
	"host=x password=S3cret\\ pa55 port=bad",
	"host=x PASSWORD=S3cret port=bad",
	"app:S3cret@host/db",
	"server=host;uid=sa;pwd=S3cret;port=bad",
	"server=host;uid=sa;Password={S3cret;pa55};port=bad",
	"sqlserver://sa@host;pwd=S3cret",
	"mysql://host;pwd=S3cret/db",
	"mongodb+srv://app:S3cret@pa55@host/db?tls=maybe",
	"mongodb://host/db?tlsCertificateKeyFilePassword=S3cret",
}

func showsPassword(text string) bool {
	text = strings.ReplaceAll(text, "s3cret", "S3cret")
	return strings.Contains(text, "S3cret") || strings.Contains(text, "%533cret") || strings.Contains(text, "pa55")
}

// TestOpenHidesThePassword asks the driver itself to open them.
func TestOpenHidesThePassword(t *testing.T) {
	for _, dsn := range addresses {
		_, err := openDatabase(t.Context(), configs.Database{Driver: "postgres", DSN: configs.Secret(dsn)}, nil)
		if err == nil || showsPassword(err.Error()) || strings.Contains(err.Error(), dsn) {
			t.Errorf("%s: %v", dsn, err)
		}
	}
}

// TestOpenHidesAPasswordInTheHost asks the drivers of other databases, which take it for a part of the host's name.
func TestOpenHidesAPasswordInTheHost(t *testing.T) {
	for driver, dsn := range map[string]string{
		"sqlserver": "sqlserver://sa@host.invalid;pwd=S3cret",
		"mysql":     "mysql://host.invalid;pwd=S3cret/db",
		"mongodb":   "mongodb://host.invalid;pwd=S3cret/db?serverSelectionTimeoutMS=100",
	} {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		_, err := openDatabase(ctx, configs.Database{Driver: driver, DSN: configs.Secret(dsn), MaxConns: 1}, nil)
		cancel()
		if err == nil || showsPassword(err.Error()) {
			t.Errorf("%s: %v", dsn, err)
		}
	}
}

// TestRedact has a driver that repeats everything, whole and cut where parsers cut.
func TestRedact(t *testing.T) {
	for _, dsn := range addresses {
		said := "cannot parse `" + dsn + "`: invalid port \":S3cret\" after \"pa55\" of S3cret, %533cret"
		if !strings.Contains(dsn, "pa55") {
			said = strings.ReplaceAll(said, "pa55", "host")
		}
		if !strings.Contains(dsn, "%533cret") {
			said = strings.ReplaceAll(said, "%533cret", "")
		}
		got := redact(errors.New(said), dsn).Error()
		if showsPassword(got) || !strings.HasPrefix(got, "cannot parse `<secret>`: ") {
			t.Errorf("%s: %s", dsn, got)
		}
	}
	for _, dsn := range []string{"", "notes.db", "postgres://app@host/db", "host=x port=1"} {
		err := errors.New("open " + dsn + ": refused")
		if got := redact(err, dsn); !errors.Is(got, err) {
			t.Errorf("%s has no secret, yet %q becomes %q", dsn, err, got)
		}
	}
	refused := errors.New("dial tcp 127.0.0.1:5432: connection refused")
	if got := redact(refused, addresses[0]); !errors.Is(got, refused) {
		t.Errorf("%q becomes %q", refused, got)
	}
}
