package postgres

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// poolConfig reads the DSN. Its error carries none of it.
func poolConfig(cfg Config) (*pgxpool.Config, error) {
	c, err := parseDSN(cfg.DSN)
	if err != nil {
		return nil, err
	}
	if cfg.MaxConns > 0 {
		c.MaxConns = cfg.MaxConns
	} else if c.MaxConns < 10 {
		c.MaxConns = 10
	}
	params := c.ConnConfig.RuntimeParams
	if params["application_name"] == "" {
		params["application_name"] = "writegate"
	}
	if cfg.Renew != nil {
		c.BeforeConnect = func(_ context.Context, conn *pgx.ConnConfig) error { return renew(conn, cfg.Renew()) }
	}
	return c, nil
}

func parseDSN(dsn string) (*pgxpool.Config, error) {
	c, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		return nil, misconfigured("the DSN can't be read: look at its form, its port, its settings and the files it names", nil) // the cause may quote a password
	}
	return c, nil
}

// renew has a new connection go where the DSN leads by now, as whom it says.
func renew(conn *pgx.ConnConfig, dsn string) error {
	now, err := parseDSN(dsn)
	if err != nil {
		return err
	}
	to, from := &conn.Config, &now.ConnConfig.Config
	to.Host, to.Port, to.Database, to.User, to.Password = from.Host, from.Port, from.Database, from.User, from.Password
	to.TLSConfig, to.Fallbacks, to.ValidateConnect = from.TLSConfig, from.Fallbacks, from.ValidateConnect
	return nil
}

// leaveStandby closes a connection to a server that takes no writes, as the one that was the primary before a failover.
// The pool then makes another one, which goes where the address leads by now.
func (t *tx) leaveStandby(ctx context.Context, err error) {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok && pg.Code == "25006" {
		_ = t.conn.Close(ctx)
	}
}
