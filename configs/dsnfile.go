package configs

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"writegate/internal/files"
)

// maxDSN is the longest address of a database that is read from a file, in bytes.
const maxDSN = 64 << 10

// ReadDSN reads the address of a database from a file that has nothing else in it but white space around. A file that
// others may read is an error. No error carries any of the text.
func ReadDSN(path string) (Secret, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("can't be opened: %w", reasonOf(err))
	}
	defer func() { _ = f.Close() }()
	if err := files.CheckSecret(f); err != nil {
		return "", err
	}
	text, err := io.ReadAll(io.LimitReader(f, maxDSN+1))
	switch {
	case err != nil:
		return "", fmt.Errorf("can't be read: %w", reasonOf(err))
	case len(text) > maxDSN:
		return "", errors.New("is larger than 64 KiB")
	}
	dsn := Secret(strings.TrimSpace(string(text)))
	if dsn == "" {
		return "", errors.New("is empty")
	}
	return dsn, nil
}

// reasonOf leaves the path out, which stands beside the error anyway.
func reasonOf(err error) error {
	if e, ok := errors.AsType[*os.PathError](err); ok {
		return e.Err
	}
	return err
}

// readDSNs reads the addresses that stand in files of their own.
func (d *decoder) readDSNs(c *Config) {
	d.readDSN("database", &c.Database)
	for name, db := range c.Databases {
		d.readDSN(join("databases", name), &db)
		c.Databases[name] = db
	}
}

func (d *decoder) readDSN(path string, db *Database) {
	if db.DSNFile == "" {
		return
	}
	var err error
	if db.DSN, err = ReadDSN(db.DSNFile); err != nil {
		d.check(path+".dsn_file", false, fmt.Sprintf("the file %s %v; it has to hold the address of the database and nothing else", db.DSNFile, err))
	}
}
