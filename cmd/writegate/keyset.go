package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"writegate"
	"writegate/appliers"
	"writegate/auth"
	keyset "writegate/auth/keys"
	"writegate/configs"
)

// keysDocument is the name of the document in the database that has our own keys.
const keysDocument = "keys"

// openKeySet opens the keys of a configuration that has some; the shelf is that of its first database, nil where it has none.
func openKeySet(ctx context.Context, c *configs.Config, shelf writegate.Shelf, log *slog.Logger) (*keyset.Set, error) {
	o := keyset.Options{
		Store: keyset.InFile(c.Keys.File), Secret: auth.NewSecret(string(c.Keys.EncryptionKey)), Algorithm: c.Keys.Algorithm,
		RotateEvery: c.Keys.RotateEvery, PublishFor: c.Keys.PublishFor, MaxTTL: c.Keys.MaxTTL, Leeway: max(c.Auth.Leeway, time.Minute), Log: log,
	}
	for _, old := range c.Keys.OldEncryptionKeys {
		o.OldSecrets = append(o.OldSecrets, auth.NewSecret(string(old)))
	}
	if c.Keys.Database {
		if shelf == nil {
			return nil, errors.New("keys.database: the database has no tables of our own")
		}
		o.Store = keyset.OnShelf(shelf, keysDocument)
	}
	set, err := keyset.Open(ctx, o)
	if err != nil {
		return nil, keysTrouble(err)
	}
	return set, nil
}

// keysTrouble is an error of the keys in words for operators.
func keysTrouble(err error) error {
	cause := err
	if e, ok := errors.AsType[*writegate.Error](err); ok {
		cause = fmt.Errorf("keys: %w", plain(e))
	}
	if e, ok := errors.AsType[*keyset.UnsureError](err); ok {
		return fmt.Errorf("%w; %q says whether it has, before you try again", &keyset.UnsureError{ID: e.ID, Cause: cause}, "writegate keys list")
	}
	return cause
}

// register has the metrics of keys that are made and rotated beside those of the server.
func (k *keys) register(r *prometheus.Registry) error {
	if k.set == nil {
		return nil
	}
	return register(r, k.set)
}

// withKeys opens the keys of a configuration for a command.
func withKeys(ctx context.Context, c *configs.Config, fn func(*keyset.Set) error) (err error) {
	var db appliers.Database
	if c.Keys.Database {
		if db, err = openExisting(ctx, configs.MainDatabase, c.Database, keeping); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, closing("database", db)) }()
	}
	set, err := openKeySet(ctx, c, writegate.ShelfOf(db), slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	if err := fn(set); err != nil {
		return keysTrouble(err)
	}
	return nil
}

// signerOf signs with the keys of a configuration as they are now.
func signerOf(ctx context.Context, c *configs.Config) (mint func(auth.MintOptions) (string, error), err error) {
	err = withKeys(ctx, c, func(set *keyset.Set) error {
		if len(set.Keys()) == 0 {
			return errNoKeys
		}
		mint = set.Mint // which needs no database
		return nil
	})
	return mint, err
}
