// Package configs reads the configuration of the daemon: one strict YAML file.
//
// The structs of this file are the reference. docs/configuration.md is made from their comments, their tags
// and [Default], so that the two can't differ.
package configs

import "time"

// Config is the whole file.
type Config struct {
	// Server is the HTTP side: where to listen, what to take.
	Server Server `yaml:"server"`
	// Auth says whose tokens are believed. At least one source of keys is needed.
	Auth Auth `yaml:"auth"`
	// Database is where writes go. The ledger lives there too.
	Database Database `yaml:"database"`
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
	// CORSOrigins lists the sites that may call from a browser, such as https://app.example.com; "*" is everybody. Cookies
	// are never used.
	CORSOrigins []string `yaml:"cors_origins"`
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
	// InFlight is how many uploads may be at work at one time. One more is answered 503.
	InFlight int `yaml:"in_flight"`
}

// Timeouts bound how long things may take.
type Timeouts struct {
	// Header bounds reading the header of a request.
	Header time.Duration `yaml:"header"`
	// Body bounds reading a body, plus one second for each 4 KiB that arrived.
	Body time.Duration `yaml:"body"`
	// Idle bounds a kept connection without a request.
	Idle time.Duration `yaml:"idle"`
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
	// InsecureHosts lists names or addresses, without port, whose key set may be fetched by http.
	InsecureHosts []string `yaml:"insecure_hosts"`
	// JWKS is a key set written here: a mapping with keys, a list of JSON Web Keys.
	JWKS JSON `yaml:"jwks"`
	// HS256Secret is a shared secret, as the text that signs. For development, or a provider that has nothing better.
	HS256Secret Secret `yaml:"hs256_secret"`
	// KeyFile is a private key of our own, a PEM file that nobody else may read; it is made when it is missing. Its
	// tokens are believed, its public half is served at /.well-known/jwks.json, and `writegate token --config` signs
	// with it. Relative to the folder of this file.
	KeyFile string `yaml:"key_file"`
	// Leeway is how far clocks may differ, at most 10m.
	Leeway time.Duration `yaml:"leeway"`
	// MaxLifetime is the longest time between a token's iat and its exp.
	MaxLifetime time.Duration `yaml:"max_lifetime"`
}

// Database is where writes go.
type Database struct {
	// Driver names the kind of database.
	Driver string `yaml:"driver" required:"true" oneof:"postgres,sqlite"`
	// DSN says where it is: a postgres:// address, or the file of SQLite (relative to the folder of this file).
	DSN Secret `yaml:"dsn"`
	// Schema is the Postgres schema of our own tables, made when it is missing.
	Schema string `yaml:"schema"`
	// MaxConns bounds the connections that one replica opens.
	MaxConns int `yaml:"max_conns"`
	// RLS delegates to the row-level security of Postgres, on top of the policy.
	RLS RLS `yaml:"rls"`
}

// RLS delegates to the row-level security of Postgres.
type RLS struct {
	// Role is what a transaction becomes while it touches the tables of the app; request.jwt.claims and
	// app.user_id are set for it. Empty delegates nothing.
	Role string `yaml:"role"`
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
			Limits:      Limits{Body: 64 << 20, Depth: 100, KeyBytes: 256, StringBytes: 16 << 20, InFlight: 256},
			Timeouts: Timeouts{
				Header: 10 * time.Second,
				Body:   30 * time.Second,
				Idle:   2 * time.Minute,
				Upload: 2 * time.Minute,
				Stop:   30 * time.Second,
			},
		},
		Auth:     Auth{Leeway: time.Minute, MaxLifetime: 24 * time.Hour},
		Database: Database{Schema: "writegate", MaxConns: 16},
		Chunk:    Chunk{Ops: 1000, Bytes: 4 << 20, Time: 5 * time.Second},
		Log:      Log{Level: "info", Format: "text"},
	}
}
