//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd)

package keys

import "os"

// tryLock does nothing here: have one process only use the file.
func tryLock(*os.File) (locked bool, err error) { return true, nil }

// syncFolder does nothing here, where folders can't be synced.
func syncFolder(string) error { return nil }
