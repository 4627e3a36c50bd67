package configs

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// maxDSN is the longest address of a database that is read from a file, in bytes.
const maxDSN = 64 << 10

// ReadDSN reads the address of a database from a file that has nothing else in it but white space around. Exposed says
// that everybody on this machine may read the file. No error carries any of the text.
func ReadDSN(path string) (dsn Secret, exposed bool, err error) {
	f, err := os.Open(path)
	if err != nil {
		return "", false, fmt.Errorf("can't be opened: %w", reasonOf(err))
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return "", false, fmt.Errorf("can't be read: %w", reasonOf(err))
	}
	text, err := io.ReadAll(io.LimitReader(f, maxDSN+1))
	switch {
	case err != nil:
		return "", false, fmt.Errorf("can't be read: %w", reasonOf(err))
	case len(text) > maxDSN:
		return "", false, errors.New("is larger than 64 KiB")
	}
	if dsn = Secret(strings.TrimSpace(string(text))); dsn == "" {
		return "", false, errors.New("is empty")
	}
	return dsn, info.Mode().Perm()&0o004 != 0, nil
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
	if db.DSN, _, err = ReadDSN(db.DSNFile); err != nil {
		d.check(path+".dsn_file", false, fmt.Sprintf("the file %s %v; it has to hold the address of the database and nothing else", db.DSNFile, err))
	}
}
