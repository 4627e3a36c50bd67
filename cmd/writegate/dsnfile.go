package main

import (
	"log/slog"
	"sync"

	"writegate/configs"
)

// renewed returns what tells the address of a database as its file has it by now, nil where the address stands in the
// configuration. While the file can't be read, the last address that was read stays.
func renewed(c configs.Database, log *slog.Logger) func() string {
	if c.DSNFile == "" {
		return nil
	}
	var mu sync.Mutex
	last := c.DSN
	renew := func() string {
		mu.Lock()
		defer mu.Unlock()
		dsn, err := configs.ReadDSN(c.DSNFile)
		if err != nil {
			log.Warn("the address of the database can't be read again; the last one stays", "file", c.DSNFile, "error", err)
			return string(last)
		}
		if dsn != last {
			log.Info("the address of the database has changed; new connections take it", "file", c.DSNFile)
		}
		last = dsn
		return string(last)
	}
	renew() // says at the start what there is to say about the file
	return renew
}
