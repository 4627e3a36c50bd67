//go:build !unix

package secretfile

import "io/fs"

// ownerOf knows of no owner here, and modes say nothing.
func ownerOf(fs.FileInfo) (uid int, ok bool) { return 0, false }
