package mysql

import (
	"encoding/binary"
	"errors"
	"strings"

	"writegate"
)

var errGeometry = errors.New("must be a geometry: WKB in hexadecimal digits, or the bytes as the database keeps them")

// Shapes of well-known binary.
const (
	wkbPoint = iota + 1
	wkbLineString
	wkbPolygon
	wkbMultiPoint
	wkbMultiLineString
	wkbMultiPolygon
	wkbCollection
)

var shapes = map[string]uint32{
	"point": wkbPoint, "linestring": wkbLineString, "polygon": wkbPolygon, "multipoint": wkbMultiPoint,
	"multilinestring": wkbMultiLineString, "multipolygon": wkbMultiPolygon, "geometrycollection": wkbCollection, "geomcollection": wkbCollection,
}

// geometry is a spatial column. Its stored value is what the server keeps: the number of the spatial reference
// system in four bytes and WKB, little-endian, with x before y. Data is the declared type, srid that of a WKB alone.
func geometry(data string, srid int64) *codec {
	c := binaryCodec(func(v any) (any, error) { return toGeometry(v, shapes[data], uint32(srid)) })
	c.identifies = false
	return c
}

func toGeometry(v any, shape, srid uint32) (any, error) {
	raw, err := toBinary(v, 0, -1)
	if err != nil {
		return nil, errGeometry
	}
	b, _ := raw.(writegate.Bytes)
	kept := string(b)
	if !isWKB(kept, shape) {
		if len(kept) < 4 || !isWKB(kept[4:], shape) {
			return nil, errGeometry
		}
		return b, nil
	}
	return writegate.Bytes(binary.LittleEndian.AppendUint32(nil, srid)) + writegate.Bytes(strings.Clone(kept)), nil
}

// isWKB tells a whole little-endian WKB of two dimensions. Shape 0 is any.
func isWKB(s string, shape uint32) bool {
	rest, ok := skipWKB(s, shape, 0)
	return ok && rest == ""
}

// skipWKB passes over one geometry.
func skipWKB(s string, shape uint32, depth int) (rest string, ok bool) {
	if len(s) < 5 || s[0] != 1 || depth > maxDepth {
		return s, false
	}
	kind := binary.LittleEndian.Uint32([]byte(s[1:5]))
	s = s[5:]
	if shape != 0 && kind != shape {
		return s, false
	}
	switch kind {
	case wkbPoint:
		return skipPoints(s, 1)
	case wkbLineString:
		return skipCounted(s, func(s string) (string, bool) { return skipPoints(s, 1) })
	case wkbPolygon:
		return skipCounted(s, func(s string) (string, bool) {
			return skipCounted(s, func(s string) (string, bool) { return skipPoints(s, 1) })
		})
	case wkbMultiPoint, wkbMultiLineString, wkbMultiPolygon:
		return skipCounted(s, func(s string) (string, bool) { return skipWKB(s, kind-wkbMultiPoint+wkbPoint, depth+1) })
	case wkbCollection:
		return skipCounted(s, func(s string) (string, bool) { return skipWKB(s, 0, depth+1) })
	}
	return s, false
}

func skipPoints(s string, n int) (string, bool) {
	if len(s) < 16*n {
		return s, false
	}
	return s[16*n:], true
}

func skipCounted(s string, skip func(string) (string, bool)) (string, bool) {
	if len(s) < 4 {
		return s, false
	}
	n := binary.LittleEndian.Uint32([]byte(s[:4]))
	s = s[4:]
	for range n {
		var ok bool
		if s, ok = skip(s); !ok {
			return s, false
		}
	}
	return s, true
}
