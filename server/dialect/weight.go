package dialect

import "bytes"

// Weigh estimates from above how many bytes of memory a body holds once it is decoded and on its way through the
// pipeline, without decoding it. It counts what becomes something of its own, objects and their members, so that a
// body of many tiny operations weighs a multiple of its size, and one long text little more than it is.
func Weigh(body []byte) int64 {
	const (
		object = 512 // an operation, or the map of its columns
		member = 64  // a name and a value
	)
	return 2*int64(len(body)) + object*int64(bytes.Count(body, []byte{'{'})) + member*int64(bytes.Count(body, []byte{','}))
}
