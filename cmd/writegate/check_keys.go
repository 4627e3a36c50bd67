package main

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"time"

	"writegate"
	"writegate/configs"
)

// hasSource reports whether auth has keys of any kind.
func hasSource(a *configs.Auth) bool {
	return len(a.JWKS)+len(a.JWKSURI)+len(a.PublicKeys)+len(a.Issuers) > 0 || a.HS256Secret != "" || a.Key != "" || a.KeyFile != ""
}

// shared says what is wrong with a shared secret under serve.
const shared = "HS256 is for development: whoever can verify with the secret can sign as any user; have the provider sign with a key of its own, where it can, and give its jwks_uri"

// checkShared warns of shared secrets.
func (r *report) checkShared(a configs.Auth) {
	if a.HS256Secret != "" {
		r.add(remark{file: r.config, path: "auth.hs256_secret", message: shared})
	}
	for _, name := range slices.Sorted(maps.Keys(a.Issuers)) {
		if a.Issuers[name].HS256Secret != "" {
			r.add(remark{file: r.config, path: "auth.issuers." + name + ".hs256_secret", message: shared})
		}
	}
}

// soonest is how long a key is published at least, for everybody to have it before it signs: the sync service keeps a key set for 5 minutes
// and caches on the way for one, replicas look every half minute, and clocks may differ by a minute.
const soonest = 7*time.Minute + 30*time.Second

// checkKeySet has the keys that are made and rotated read as serve would, without making any. Those in a database that does not
// answer, or has no tables of ours yet, are passed over: the check of the database says so.
func (r *report) checkKeySet(ctx context.Context, c *configs.Config, dbs databases) {
	shelf := writegate.ShelfOf(dbs[configs.MainDatabase])
	if !c.Keys.Given() || c.Keys.Database && shelf == nil {
		return
	}
	if c.Keys.PublishFor < soonest {
		r.add(remark{file: r.config, path: "keys.publish_for", message: "less than 7m30s: the sync service may not have a key yet when it signs, and then has to ask for it"})
	}
	_, err := openKeySet(ctx, c, shelf, slog.New(slog.DiscardHandler))
	if _, away := errors.AsType[*writegate.Error](err); err != nil && !away {
		r.add(remark{file: r.config, fault: true, message: err.Error()}) // it begins with the path
	}
}
