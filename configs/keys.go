package configs

import (
	"time"

	"writegate/internal/synctoken"
)

// Bounds of what keys live through.
const (
	leastPublish   = 5 * time.Minute // the sync service keeps a key set for so long
	leastRotation  = time.Hour
	leastKeySecret = 32
)

// Given reports whether there are such keys.
func (k *Keys) Given() bool { return k.File != "" || k.Database }

func (d *decoder) validateOwnKeys(c *Config) {
	k := &c.Keys
	if !d.given("keys") {
		return
	}
	d.check("keys", k.Given(), "nowhere to keep them; give file, or database: true")
	d.check("keys.file", k.File == "" || !k.Database, "database is given, too; keep one of them")
	d.check("keys.database", !k.Database || c.Database.OwnTables != "none", "the database has own_tables: none, so nothing can be kept there; give file")
	d.required("keys.encryption_key", k.EncryptionKey != "", "what encrypts the private keys; `openssl rand -base64 32` makes one for an environment variable")
	d.check("keys.encryption_key", len(k.EncryptionKey) >= leastKeySecret, "shorter than 32 bytes")
	d.check("keys.rotate_every", k.RotateEvery == 0 || k.RotateEvery >= leastRotation, "less than 1h; 0s is never")
	d.check("keys.publish_for", k.PublishFor >= leastPublish, "less than the 5m for which the sync service keeps a key set")
	d.check("keys.rotate_every", k.RotateEvery == 0 || k.RotateEvery > k.PublishFor, "not longer than publish_for")
	d.positive("keys.max_ttl", int64(k.MaxTTL))
	d.check("keys.max_ttl", k.MaxTTL <= synctoken.MostTTL, "more than 24h")
	d.check("keys.max_ttl", !c.Issues() || k.MaxTTL >= c.Issue.TTL, "shorter than issue.ttl, so tokens would outlive their key")
	d.check("keys.max_ttl", c.Issue.Anonymous.Subject == "" || k.MaxTTL >= c.Issue.Anonymous.TTL, "shorter than issue.anonymous.ttl, so tokens would outlive their key")
	for _, other := range []string{"auth.key_file", "auth.key"} {
		d.check(other, !d.given(other), "keys is given, too; `writegate keys import` takes this key over")
	}
}
