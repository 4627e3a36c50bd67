package configs_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"writegate/configs"
)

func TestParseKeys(t *testing.T) {
	c, err := configs.Parse("gate.yaml", []byte(`
auth: {audience: app}
keys: {database: true, encryption_key: "${HS256_SECRET}", old_encryption_keys: "${SHORT_SECRET}", algorithm: ES256, rotate_every: 0s, publish_for: 5m, max_ttl: 1h}
database: {driver: sqlite, dsn: app.db}
policy: policy.yaml
`), environment)
	if err != nil {
		t.Fatal(err)
	}
	secret, _ := environment("HS256_SECRET")
	old, _ := environment("SHORT_SECRET")
	want := configs.Keys{
		Database: true, EncryptionKey: configs.Secret(secret), OldEncryptionKeys: []configs.Secret{configs.Secret(old)}, Algorithm: "ES256", PublishFor: 5 * time.Minute, MaxTTL: time.Hour,
	}
	if diff := cmp.Diff(want, c.Keys); diff != "" || !c.Keys.Given() {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
