package mysql

import "strings"

// exact tells columns whose collation, if they have one, tells all different texts apart. Other collations take
// letters for the same, or blanks at the end for nothing; a CHAR has none of those.
func exact(cc *catalogColumn) bool {
	switch c := cc.Collation; {
	case c == "" || c == "binary" || cc.Data == "enum":
		return true
	case strings.HasSuffix(c, "_0900_bin"), strings.HasSuffix(c, "_nopad_bin"):
		return true
	default:
		return cc.Data == "char" && strings.HasSuffix(c, "_bin")
	}
}

// narrow tells columns of text whose character set lacks some of Unicode and is not known to [toColumnText].
func narrow(cc *catalogColumn) bool {
	switch cc.Charset {
	case "", "binary", "ascii", "utf8", "utf8mb3", "utf8mb4", "ucs2", "utf16", "utf16le", "utf32":
		return false
	}
	return cc.Data != "enum"
}

// sought returns how a value is written where rows are looked for by it. The server fails when a text can't be in the
// column's character set, so it is converted here, with ? for what there is not; whether that is the row, the bytes
// decide. MariaDB scans the whole index for integers of which some need 64 bits and some don't, unless they are of one
// type.
func sought(cc *catalogColumn) string {
	switch {
	case narrow(cc):
		return "CONVERT(%s USING " + quote(cc.Charset) + ") COLLATE " + quote(cc.Collation)
	case cc.Data == "bigint" && strings.Contains(cc.Native, "unsigned"):
		return "CAST(%s AS UNSIGNED)"
	}
	return ""
}
