package mysql

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/go-sql-driver/mysql"

	"writegate/appliers/applierstest"
)

// Why a number is not provoked, where several have the same reason.
const (
	logOnly     = "the server writes it to its log only"
	cLibrary    = "of the client library in C; only a proxy would hand it on"
	closesFirst = "the server closes the connection before it says so, see `SHUTDOWN` and `KILL CONNECTION`"
	fullDisk    = "a disk would have to be full; InnoDB says 1114 of it"
	network     = "the network would have to fail, and whom it is said to does not hear it"
	group       = "takes a group of several servers"
	oldMySQL    = "of storage engines and versions of before, but still in the server"
	replication = "of a replica to its own log"
	ofMySQL     = "a number of MySQL's"
	ofMariaDB   = "a number of MariaDB's"
)

// mariadbs are the numbers that only MariaDB has, or means so. All others from 3000 on are MySQL's.
var mariadbs = []int{1906, 1927, 1969, 1977, 4025, 4150, 4151}

// unprovoked says of each number why it is not provoked. One that the other server alone has needs no reason.
var unprovoked = map[string]string{
	"1071": "said of the definition of an index only",
	"1169": "of unique constraints without an index, which no engine with transactions has",
	"1216": oldMySQL + ": it is 1452",
	"1217": oldMySQL + ": it is 1451",
	"1367": "the parser says so of a literal, and the driver writes none such",
	"1586": "the server says 1062 with this number's text",
	"1762": "said where InnoDB can't tell the index; it can",
	"3150": "a document of 4 GB, which no packet holds",
	"3904": "the server says 3752 of numbers",

	"1020": "of MariaDB's `innodb_snapshot_isolation`",
	"1614": "in XA transactions only",
	"3101": group,

	"3":    fullDisk,
	"28":   fullDisk,
	"1021": fullDisk,
	"1026": fullDisk,
	"1030": "whatever a storage engine has no number for: a disk would have to fail",
	"1028": "comes after the number of what stopped the sort, which is the one that is sent",
	"1037": "the machine's memory would have to be at its end",
	"1038": "MariaDB sorts by the beginning of a value, which fits the smallest buffer",
	"1041": "the machine's memory would have to be at its end",
	"1042": "the name service would have to fail",
	"1043": "takes a client that does not speak the protocol",
	"1047": "of a Galera node, which is no part of the test's servers",
	"1053": closesFirst,
	"1077": logOnly,
	"1078": logOnly,
	"1079": logOnly,
	"1080": logOnly,
	"1081": logOnly,
	"1150": oldMySQL,
	"1152": logOnly,
	"1158": network,
	"1159": network,
	"1160": network,
	"1161": network,
	"1180": "a storage engine would have to fail at the commit",
	"1181": "a storage engine would have to fail at the rollback",
	"1184": logOnly,
	"1189": replication,
	"1190": replication,
	"1207": oldMySQL + ": it is 1792",
	"1534": "the disk of the binary log would have to fail",
	"1598": "the disk of the binary log would have to fail",
	"1689": "a lock of MyISAM tables that is let go",
	"1820": "with a client that can't change its password the server says 1862",
	"1836": "MariaDB says 1036",
	"2002": cLibrary,
	"2003": cLibrary,
	"2006": cLibrary,
	"2013": cLibrary,
	"2014": cLibrary,
	"3019": "a transaction would have to fill the undo log, of many GB",
	"3100": group,
	"3169": closesFirst,

	"1179": "of statements that the driver never sends and of engines without transactions",
	"1196": "a warning, which is no error",
	"3098": group,
}

// theRest are the numbers that nothing here provokes.
func theRest(t *testing.T, provoked []applierstest.ErrorCase, mariadb bool) []applierstest.ErrorCase {
	t.Helper()
	var cases []applierstest.ErrorCase
	for number, m := range meanings {
		n, text := int(number), strconv.Itoa(int(number))
		if slices.ContainsFunc(provoked, func(c applierstest.ErrorCase) bool { return c.Number == text }) {
			continue
		}
		how := unprovoked[text]
		switch ours := slices.Contains(mariadbs, n); {
		case mariadb && !ours && n >= 3000:
			how = ofMySQL
		case !mariadb && ours:
			how = ofMariaDB
		case how == "":
			t.Errorf("nothing provokes %s, and nothing says why", text)
		}
		cases = append(cases, applierstest.ErrorCase{Number: text, Class: m.class, Code: m.code, Reason: m.reason, Native: &mysql.MySQLError{Number: number}, How: how})
	}
	slices.SortFunc(cases, func(a, b applierstest.ErrorCase) int {
		return cmp.Or(cmp.Compare(len(a.Number), len(b.Number)), strings.Compare(a.Number, b.Number))
	})
	return cases
}
