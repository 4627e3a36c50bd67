package files

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// CheckSecret says what is wrong with the mode of a file that holds secrets, nil when nothing is. Nobody but its owner may read it, and
// where that is somebody else, as with what Kubernetes mounts, his group, since there is no other way for us. Pipes and the like
// have no mode that says anything, and Windows has none. The error carries no path.
func CheckSecret(f *os.File) error {
	info, err := f.Stat()
	if err != nil {
		if e, ok := errors.AsType[*fs.PathError](err); ok {
			err = e.Err
		}
		return fmt.Errorf("can't be looked at: %w", err)
	}
	owner, _ := ownerOf(info)
	if owner < 0 || !info.Mode().IsRegular() {
		return nil
	}
	return judge(info.Mode().Perm(), owner, os.Geteuid())
}

// judge holds a mode against who owns the file and who we are.
func judge(mode fs.FileMode, owner, us int) error {
	forbidden, advice := fs.FileMode(0o077), "600"
	if owner != us && us != 0 {
		forbidden, advice = 0o037, "640"
	}
	if mode&forbidden != 0 {
		return fmt.Errorf("may be read by others (mode %o); run chmod %s on it", mode, advice)
	}
	return nil
}
