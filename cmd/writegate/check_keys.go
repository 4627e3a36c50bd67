package main

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
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
		c, path := a.Issuers[name], "auth.issuers."+name
		if c.HS256Secret != "" {
			r.add(remark{file: r.config, path: path + ".hs256_secret", message: shared})
		}
		if sharedByService(name, c) {
			r.add(remark{file: r.config, path: path + ".service_yaml", message: shared})
		}
	}
}

// sharedByService reports whether a file of the sync service has a shared secret. What is wrong with the file, [report.checkKeys] says.
func sharedByService(name string, c configs.Circle) bool {
	if c.ServiceYAML == "" {
		return false
	}
	found, err := serviceCircles(name, c, slog.New(slog.DiscardHandler))
	if err != nil {
		return false
	}
	for _, o := range found {
		if len(o.HS256Secrets) > 0 {
			return true
		}
	}
	return false
}

// checkFolder says that keys can't be made, since there is no folder for their file.
func (r *report) checkFolder(file string) {
	if file == "" {
		return
	}
	folder := filepath.Dir(file)
	if _, err := os.Stat(folder); errors.Is(err, fs.ErrNotExist) {
		r.add(remark{file: r.config, path: "keys.file", fault: true, message: "there is no folder " + folder + "; make it, for whom serve runs as"})
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
