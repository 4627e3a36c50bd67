package sqlserver

import (
	"context"
	"database/sql/driver"
	"net/url"
	"strings"
	"sync"
	"time"

	mssql "github.com/microsoft/go-mssqldb"
	"github.com/microsoft/go-mssqldb/msdsn"

	"writegate"
)

// connectorOf reads a DSN and returns warnings about what it turns off. Encryption and the check of the server's
// certificate are on unless it says otherwise: go-mssqldb by itself encrypts the login only, and checks nothing.
// No error carries any of the DSN, which has a password in it.
func connectorOf(dsn string) (*mssql.Connector, []string, error) {
	cfg, err := msdsn.Parse(dsn)
	if err != nil {
		return nil, nil, badDSN()
	}
	if _, says := cfg.Parameters[msdsn.Encrypt]; !says {
		if dsn, err = withEncryption(dsn); err != nil {
			return nil, nil, badDSN()
		}
		if cfg, err = msdsn.Parse(dsn); err != nil {
			return nil, nil, badDSN()
		}
	}
	var warnings []string
	switch cfg.Encryption {
	case msdsn.EncryptionDisabled, msdsn.EncryptionOff:
		warnings = append(warnings, "it is not encrypted, since the DSN says so: rows can be read and changed on the way")
	case msdsn.EncryptionRequired, msdsn.EncryptionStrict:
		if cfg.TrustServerCertificate && cfg.Encryption != msdsn.EncryptionStrict {
			warnings = append(warnings, "the certificate is not verified, since the DSN says so: anybody on the way can pass for the server")
		}
	}
	if cfg.Parameters[msdsn.AppName] == "" {
		cfg.AppName = "writegate"
	}
	cfg.Encoding = msdsn.EncodeParameters{Timezone: time.UTC} // times without a zone are in UTC, and UUIDs come as the server has them
	cfg.LogFlags = 0                                          // the library would log statements and their parameters
	cfg.ColumnEncryption = false                              // each statement would ask the server about its parameters first
	return mssql.NewConnectorConfig(cfg), warnings, nil
}

// withEncryption adds to a DSN in one of its three forms that the connection be encrypted.
func withEncryption(dsn string) (string, error) {
	if !strings.HasPrefix(dsn, "sqlserver://") {
		return strings.TrimRight(dsn, "; ") + ";" + msdsn.Encrypt + "=true", nil
	}
	u, err := url.Parse(dsn)
	if err != nil {
		return "", err
	}
	query := u.Query()
	query.Set(msdsn.Encrypt, "true")
	u.RawQuery = query.Encode()
	return u.String(), nil
}

func badDSN() *writegate.Error {
	return misconfigured("the DSN can't be read: look at its form, its port, its settings and the files it names", nil)
}

// renewing connects with the DSN as it is by now.
type renewing struct {
	renew func() string // nil when the DSN stays

	mu        sync.Mutex
	dsn       string
	connector *mssql.Connector // of dsn
}

// Driver implements [driver.Connector].
func (*renewing) Driver() driver.Driver { return &mssql.Driver{} }

// Connect implements [driver.Connector].
func (r *renewing) Connect(ctx context.Context) (driver.Conn, error) {
	connector, err := r.current()
	if err != nil {
		return nil, err
	}
	return connector.Connect(ctx)
}

func (r *renewing) current() (*mssql.Connector, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.renew == nil {
		return r.connector, nil
	}
	if dsn := r.renew(); dsn != r.dsn {
		connector, _, err := connectorOf(dsn)
		if err != nil {
			return nil, err
		}
		r.connector, r.dsn = connector, dsn
	}
	return r.connector, nil
}
