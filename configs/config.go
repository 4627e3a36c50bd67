// Package configs reads the configuration of the daemon: one strict YAML file.
//
// The structs of this file and of circle.go are the reference. docs/configuration.md is made from their comments, their tags
// and [Default], so that the two can't differ.
package configs

import (
	"time"

	"writegate/internal/synctoken"
)

// Config is the whole file.
type Config struct {
	// Server is the HTTP side: where to listen, what to take.
	Server Server `yaml:"server"`
	// Auth says whose tokens are believed. At least one source of keys is needed.
	Auth Auth `yaml:"auth"`
	// Keys are signing keys of our own that are made and rotated here. Left out, there are none but auth.key_file or auth.key.
	Keys Keys `yaml:"keys"`
	// Issue has tokens for the sync service made here, for users whose own token auth believes. Left out, none are.
	Issue Issue `yaml:"issue"`
	// Database is where writes go. The ledger lives there too.
	Database Database `yaml:"database"`
	// Databases are further ones by name, with the same keys, for what routes sends there. Each has a ledger of its own.
	Databases map[string]Database `yaml:"databases"`
	// Routes says which writes go to which database.
	Routes Routes `yaml:"routes"`
	// Policy is the file of rules, relative to the folder of this file.
	Policy string `yaml:"policy" required:"true"`
	// Ledger tunes how an operation is recognised when it comes again.
	Ledger Ledger `yaml:"ledger"`
	// Chunk bounds one database transaction. An upload of more is applied in several, each whole client transactions.
	Chunk Chunk `yaml:"chunk"`
	// Log is what the daemon writes to stderr.
	Log Log `yaml:"log"`
}

// Server is the HTTP side.
type Server struct {
	// Addr is the address to listen on, host:port. An empty host is every interface.
	Addr string `yaml:"addr"`
	// MetricsAddr is the address that serves /metrics, not for the public. An empty one serves none.
	MetricsAddr string `yaml:"metrics_addr"`
	// Admin is a listener for operators that asks for a token of its own. It takes the place of metrics_addr.
	Admin Admin `yaml:"admin"`
	// CORSOrigins lists the sites that may call from a browser, such as https://app.example.com; "*" is everybody. Cookies
	// are never used.
	CORSOrigins []string `yaml:"cors_origins"`
	// TrustedProxies lists addresses and networks, such as 10.0.0.0/8, whose X-Forwarded-For is believed. Only limits on tokens
	// without a user look at addresses.
	TrustedProxies []string `yaml:"trusted_proxies"`
	// Paths lists what takes uploads. Left out, it is every path that the published connectors use.
	Paths []string `yaml:"paths"`
	// OnRefusal says how an upload in the vendor's transactions dialect goes on after a refused transaction:
	// stop leaves what follows on the device, skip applies it. Every other dialect skips.
	OnRefusal string `yaml:"on_refusal" oneof:"stop,skip"`
	// Limits bound what is taken from the network.
	Limits Limits `yaml:"limits"`
	// Timeouts bound how long things may take.
	Timeouts Timeouts `yaml:"timeouts"`
}

// Admin is a listener for operators that asks for a token of its own.
type Admin struct {
	// Addr is the address to listen on, host:port. It serves /metrics, and a /readyz that says more than the public one.
	Addr string `yaml:"addr"`
	// Token is what operators and scrapers have to send, as Authorization: Bearer: at least 32 characters.
	Token Secret `yaml:"token"`
	// TokenFile is a file with such tokens in place of token that nobody else may read, one on a line; any of them is good. It is
	// read again for each request, so that they may change while the daemon runs. Relative to the folder of this file.
	TokenFile string `yaml:"token_file"`
	// UserTokens lets operators have a token of any user, to see what that user sees: POST /api/auth/token?user_id=… here makes
	// one that lives for 12h. The log says so each time.
	UserTokens bool `yaml:"user_tokens"`
}

// Limits bound what is taken from the network.
type Limits struct {
	// Body is the largest body, before and after decompression. A larger one is answered 413, and its device is stuck.
	Body Size `yaml:"body"`
	// Depth is how deep JSON may nest.
	Depth int `yaml:"depth"`
	// KeyBytes is the longest name of a table, column or key.
	KeyBytes Size `yaml:"key_bytes"`
	// StringBytes is the longest single value.
	StringBytes Size `yaml:"string_bytes"`
	// InFlight is how many uploads may be at work at one time: about twice max_conns of all databases. One user gets at most
	// a quarter of them, but always four, and one device one.
	InFlight int `yaml:"in_flight"`
	// Decoded is what a single upload may hold in memory once it is decoded, estimated from above: about ten times its body
	// where operations are small. A larger one is answered 413, and its device is stuck.
	Decoded Size `yaml:"decoded"`
	// Memory is what uploads may hold in memory at one time, estimated from above: a third for bodies, the rest for what is made of
	// them. One user gets at most half of either. A single upload beyond that half is let in alone, and counts as half.
	Memory Size `yaml:"memory"`
	// Queue is how many uploads may wait for a place or for memory. One user gets at most a quarter of it. One more is answered
	// 503.
	Queue int `yaml:"queue"`
}

// Timeouts bound how long things may take.
type Timeouts struct {
	// Header bounds reading the header of a request.
	Header time.Duration `yaml:"header"`
	// Body bounds reading a body, plus one second for each 4 KiB that arrived.
	Body time.Duration `yaml:"body"`
	// Idle bounds a kept connection without a request.
	Idle time.Duration `yaml:"idle"`
	// Queue bounds waiting for a place or for memory. What waited in vain is answered 503.
	Queue time.Duration `yaml:"queue"`
	// Upload bounds applying one upload.
	Upload time.Duration `yaml:"upload"`
	// Stop bounds stopping: uploads at work may finish within it.
	Stop time.Duration `yaml:"stop"`
}

// Auth says whose tokens are believed.
type Auth struct {
	// Audience lists what a token's aud may be; one match is enough.
	Audience []string `yaml:"audience"`
	// Issuer lists what a token's iss may be. Left out, iss is not looked at.
	Issuer []string `yaml:"issuer"`
	// JWKSURI lists addresses that publish key sets: https, or http on loopback and insecure_hosts.
	JWKSURI []string `yaml:"jwks_uri"`
	// InsecureHosts lists names or addresses, without port, whose key set may be fetched by http, and that a redirect may lead
	// to although they are private.
	InsecureHosts []string `yaml:"insecure_hosts"`
	// JWKS is a key set written here: a mapping with keys, a list of JSON Web Keys.
	JWKS JSON `yaml:"jwks"`
	// HS256Secret is a shared secret, as the text that signs. For development, or a provider that has nothing better.
	HS256Secret Secret `yaml:"hs256_secret"`
	// KeyFile is a private key of our own, a PEM file that nobody else may read; it is made when it is missing. Its
	// tokens are believed, its public half is served at /.well-known/jwks.json, and `writegate token --config` signs
	// with it. Relative to the folder of this file.
	KeyFile string `yaml:"key_file"`
	// Key is such a private key as text, in place of the file: PEM, a JSON Web Key, or the base64 of one as in
	// POWERSYNC_PRIVATE_KEY. A JSON Web Key keeps its kid.
	Key Secret `yaml:"key"`
	// Leeway is how far clocks may differ, at most 10m.
	Leeway time.Duration `yaml:"leeway"`
	// MaxLifetime is the longest time between a token's iat and its exp.
	MaxLifetime time.Duration `yaml:"max_lifetime"`
	// PublicKeys lists public keys in PEM.
	PublicKeys []string `yaml:"public_keys"`
	// Algorithms lists what a token's alg may be. Left out, it is what the keys can verify.
	Algorithms []string `yaml:"algorithms" oneof:"RS256,RS384,RS512,PS256,PS384,PS512,ES256,ES384,ES512,EdDSA,HS256"`
	// Require names claims that a token must have, each with the values of which it must have one; an empty list is any value.
	Require map[string][]string `yaml:"require"`
	// Subject is the claim that is the user.
	Subject string `yaml:"subject"`
	// Issuers are further circles of trust by name, each with keys and rules of its own. A key of one makes no token good in
	// another.
	Issuers map[string]Circle `yaml:"issuers"`
}

// Keys are signing keys of our own that are made and rotated here: their tokens are believed, their public halves are
// served at /.well-known/jwks.json, and `writegate token --config` signs with them.
type Keys struct {
	// File keeps them in a file that nobody else may read, for replicas on one machine; it is made when it is missing.
	// Relative to the folder of this file.
	File string `yaml:"file"`
	// Database keeps them in the database in place of a file, for replicas anywhere.
	Database bool `yaml:"database"`
	// EncryptionKey encrypts the private keys where they are kept: at least 32 bytes, as `openssl rand -base64 32` prints.
	EncryptionKey Secret `yaml:"encryption_key"`
	// OldEncryptionKeys lists what they may still be encrypted with, after encryption_key was changed. `writegate serve` then
	// encrypts them anew.
	OldEncryptionKeys []Secret `yaml:"old_encryption_keys"`
	// Algorithm is that of keys to come. RSA keys have 2048 bits.
	Algorithm string `yaml:"algorithm" oneof:"RS256,ES256,ES384,EdDSA"`
	// RotateEvery is how long a key signs, at least 1h. 0s leaves it to `writegate keys rotate`.
	RotateEvery time.Duration `yaml:"rotate_every"`
	// PublishFor is how long a key is in the key set before it signs, at least 5m: longer than anybody keeps the set.
	PublishFor time.Duration `yaml:"publish_for"`
	// MaxTTL is the longest life of a token that they sign, at most 24h. A key that signs no more stays in the set for so long,
	// auth.leeway, and 5m more.
	MaxTTL time.Duration `yaml:"max_ttl"`
}

// Issue has tokens for the sync service made here.
type Issue struct {
	// URL lists the addresses of the sync service, without a slash at the end. Clients are sent to the first one.
	URL []string `yaml:"url"`
	// Audience lists what the tokens' aud says. Left out, it is url.
	Audience []string `yaml:"audience"`
	// Issuer is what the tokens' iss says. Left out, they have none.
	Issuer string `yaml:"issuer"`
	// TTL is how long a user's token lives, from 30s to 24h; 5m to 60m is usual, since nothing revokes one.
	TTL time.Duration `yaml:"ttl"`
	// Claims are further claims, each a CEL expression over claims, those of the app's token, and row, what lookup found. One that is
	// null is left out; one that fails keeps the user from a token.
	Claims map[string]string `yaml:"claims"`
	// Parameters are the members of the claim parameters, made in the same way.
	Parameters map[string]string `yaml:"parameters"`
	// Lookup finds a row of the user in the database, for claims and parameters.
	Lookup IssueLookup `yaml:"lookup"`
	// PerMinute is how many tokens one user gets in a minute, from each replica.
	PerMinute int `yaml:"per_minute"`
	// Anonymous gives tokens to devices without a user. Left out, they get none.
	Anonymous Anonymous `yaml:"anonymous"`
}

// IssueLookup finds a row of the user.
type IssueLookup struct {
	// Database names one of databases.
	Database string `yaml:"database"`
	// Table is its name in the database, perhaps with a schema before a dot.
	Table string `yaml:"table"`
	// Where gives, by column, the claim of the app's token that it has to be equal to. No more than one row may be found.
	Where map[string]string `yaml:"where"`
	// Select lists the columns that row has.
	Select []string `yaml:"select"`
}

// Anonymous gives tokens to devices without a user.
type Anonymous struct {
	// Subject says who they are: unique gives each device a user of its own, fixed makes them all the user "anonymous", which
	// tells nobody apart.
	Subject string `yaml:"subject" oneof:"unique,fixed"`
	// TTL is how long such a token lives, from 30s to 24h.
	TTL time.Duration `yaml:"ttl"`
	// PerMinute is how many one address gets in a minute, from each replica.
	PerMinute int `yaml:"per_minute"`
	// TotalPerMinute is how many all of them get in a minute, from each replica.
	TotalPerMinute int `yaml:"total_per_minute"`
}

// Database is where writes go.
type Database struct {
	// Driver names the kind of database. MariaDB is driver mysql.
	Driver string `yaml:"driver" required:"true" oneof:"mongodb,mysql,postgres,sqlite,sqlserver"`
	// DSN says where it is: a postgres://, mysql://, sqlserver:// or mongodb:// address, or the file of SQLite
	// (relative to the folder of this file).
	DSN Secret `yaml:"dsn"`
	// DSNFile is a file with the address in place of dsn, and nothing else in it, that nobody else may read. It is read again for each new connection, so
	// that a password may change while the daemon runs. Relative to the folder of this file.
	DSNFile string `yaml:"dsn_file"`
	// Schema holds our own tables and is made when it is missing: a schema of Postgres and SQL Server, a database of
	// MySQL and MongoDB. SQLite has none.
	Schema string `yaml:"schema"`
	// OwnTables says whether our own tables, the ledger among them, may be in the database. They are made when they
	// are missing, unless it says none: what then still holds is in docs/own-tables.md.
	OwnTables string `yaml:"own_tables" oneof:"make,none"`
	// DeadLetters is the file that keeps refused transactions where own_tables is none. Relative to the folder of this file.
	DeadLetters string `yaml:"dead_letters"`
	// MaxConns bounds the connections that one replica opens.
	MaxConns int `yaml:"max_conns"`
	// Timeouts bound what a database may take. Whatever is over is worth sending again.
	Timeouts DatabaseTimeouts `yaml:"timeouts"`
	// RLS delegates to the row-level security of Postgres, on top of the policy.
	RLS RLS `yaml:"rls"`
	// SessionContext hands the token's claims to SQL Server, for security policies and triggers there.
	SessionContext bool `yaml:"session_context"`
	// Transactions may be off for a MongoDB that has none, a standalone server; own_tables then has to be none. Each
	// write is then on its own: docs/mongodb.md says what no longer holds.
	Transactions string `yaml:"transactions" oneof:"on,off"`
	// Sample is how many documents of a MongoDB collection without a validator are looked at to learn the types of its fields.
	Sample int `yaml:"sample"`
}

// DatabaseTimeouts bound what a database may take.
type DatabaseTimeouts struct {
	// Connect bounds the wait for a connection, a new one or one that somebody else gives back.
	Connect time.Duration `yaml:"connect"`
	// Statement bounds each statement, or what is sent together.
	Statement time.Duration `yaml:"statement"`
	// Lock bounds the wait for what somebody else has locked. After it the connection is free for other devices. MySQL
	// counts in whole seconds, MongoDB never waits, and SQLite has one lock and a bound of its own.
	Lock time.Duration `yaml:"lock"`
}

// RLS delegates to the row-level security of Postgres.
type RLS struct {
	// Role is what a transaction becomes while it touches the tables of the app; request.jwt.claims and
	// app.user_id are set for it. Empty delegates nothing.
	Role string `yaml:"role"`
}

// Routes says which writes go to which database.
type Routes struct {
	// Tables gives the database of a table, by the name that clients use. Every other table is in the first database,
	// or in that of the tenant. A transaction that writes to tables of two databases is refused as transaction.spans.
	Tables map[string]string `yaml:"tables"`
	// Tenants sends each tenant to a database of its own.
	Tenants Tenants `yaml:"tenants"`
	// Schema gives each tenant a schema of its own in the database.
	Schema TenantSchema `yaml:"schema"`
}

// Tenants sends each tenant to a database of its own.
type Tenants struct {
	// Claim of the token that names the tenant; a list of several leads into a claim that is an object.
	Claim []string `yaml:"claim"`
	// Databases gives the database of each tenant, by what the claim says; main is the first one. A token of any
	// other tenant, or of none, is answered 403.
	Databases map[string]string `yaml:"databases"`
}

// TenantSchema gives each tenant a schema of its own in the database.
type TenantSchema struct {
	// Claim of the token that names the schema; a list of several leads into a claim that is an object. Tables of the
	// policy that have no route and name no schema under table are then those of this one.
	Claim []string `yaml:"claim"`
	// Allow is the regular expression that the whole name has to match, such as tenant_[a-z0-9]+. Any other is answered 403.
	Allow string `yaml:"allow"`
}

// Ledger tunes how an operation is recognised when it comes again.
type Ledger struct {
	// UntrustedClientIDs lists ids that many devices share, such as that of a database file shipped with an app.
	// Uploads under one of them count as uploads without identity.
	UntrustedClientIDs []string `yaml:"untrusted_client_ids"`
}

// Chunk bounds one database transaction.
type Chunk struct {
	// Ops is the most operations of one database transaction.
	Ops int `yaml:"ops"`
	// Bytes is the most data of one database transaction.
	Bytes Size `yaml:"bytes"`
	// Time is how long one database transaction may go on taking more.
	Time time.Duration `yaml:"time"`
}

// Log is what the daemon writes to stderr.
type Log struct {
	// Level is the least that is written.
	Level string `yaml:"level" oneof:"debug,info,warn,error"`
	// Format is how it is written.
	Format string `yaml:"format" oneof:"text,json"`
}

// Default is the configuration of an empty file. It lacks what only the user can know: keys, a database
// and a policy.
func Default() *Config {
	return &Config{
		Server: Server{
			Addr:        "127.0.0.1:6060",
			MetricsAddr: "127.0.0.1:6061",
			CORSOrigins: []string{"*"},
			OnRefusal:   "stop",
			Limits:      Limits{Body: 64 << 20, Depth: 100, KeyBytes: 256, StringBytes: 16 << 20, InFlight: 32, Decoded: 256 << 20, Memory: 96 << 20, Queue: 2048},
			Timeouts: Timeouts{
				Header: 10 * time.Second,
				Body:   30 * time.Second,
				Idle:   2 * time.Minute,
				Queue:  3 * time.Second,
				Upload: 2 * time.Minute,
				Stop:   30 * time.Second,
			},
		},
		Auth: Auth{Leeway: time.Minute, MaxLifetime: 24 * time.Hour, Subject: "sub"},
		Keys: Keys{Algorithm: "RS256", RotateEvery: 30 * 24 * time.Hour, PublishFor: 10 * time.Minute, MaxTTL: synctoken.MostTTL},
		Issue: Issue{
			TTL: 5 * time.Minute, PerMinute: 60, Lookup: IssueLookup{Database: MainDatabase},
			Anonymous: Anonymous{TTL: 5 * time.Minute, PerMinute: 10, TotalPerMinute: 600},
		},
		Database: defaultDatabase(),
		Chunk:    Chunk{Ops: 1000, Bytes: 4 << 20, Time: 5 * time.Second},
		Log:      Log{Level: "info", Format: "text"},
	}
}

func defaultDatabase() Database {
	return Database{
		Schema: "writegate", OwnTables: "make", MaxConns: 16, Transactions: "on", Sample: 200,
		Timeouts: DatabaseTimeouts{Connect: 5 * time.Second, Statement: 30 * time.Second, Lock: 2 * time.Second},
	}
}
