package mysql

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
)

// Version names the server as it names itself, such as MySQL 9.7.4 or MariaDB 10.11.19.
func (db *DB) Version(ctx context.Context) (string, error) {
	var text string
	if err := db.pool.QueryRowContext(ctx, "SELECT VERSION()").Scan(&text); err != nil {
		return "", classify(err)
	}
	return parseVersion(text).String(), nil
}

// version is that of a server.
type version struct {
	mariadb             bool
	major, minor, patch int
}

// versionForm is the text of VERSION(). Some MariaDB servers put 5.5.5- before it, for old clients.
var versionForm = regexp.MustCompile(`^(?:5\.5\.5-)?(\d+)\.(\d+)(?:\.(\d+))?(?i:.*?(mariadb))?`)

func parseVersion(text string) version {
	m := versionForm.FindStringSubmatch(text)
	if m == nil {
		return version{}
	}
	number := func(s string) int {
		n, _ := strconv.Atoi(s)
		return n
	}
	return version{m[4] != "", number(m[1]), number(m[2]), number(m[3])}
}

// String writes the name and all three numbers.
func (v version) String() string {
	name := "MySQL"
	if v.mariadb {
		name = "MariaDB"
	}
	return fmt.Sprintf("%s %d.%d.%d", name, v.major, v.minor, v.patch)
}

// since tells a version of at least so much.
func (v version) since(major, minor int) bool {
	return v.major > major || v.major == major && v.minor >= minor
}

// supported tells the versions that this driver is made for.
func (v version) supported() bool {
	if v.mariadb {
		return v.since(10, 6)
	}
	return v.since(8, 0)
}
