package files

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// root is the number of the user who reads everything.
const root = 0

// Replace writes a file of mode 0600 in the place of one that may be there: others see either one as a whole, and what is
// written survives a power cut. The owner and the group stay; where the owner can't, nothing is replaced, since that user
// could not read the file any more, unless it is root, who can. A first file that root makes belongs to the owner of its folder, which has to exist.
func Replace(path string, text []byte) error {
	dir := filepath.Dir(path)
	file, err := os.CreateTemp(dir, "."+filepath.Base(path)+"-*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(file.Name())
	if err = give(file, path); err == nil {
		_, err = file.Write(text)
	}
	if err = errors.Join(err, file.Sync(), file.Close()); err != nil {
		return err
	}
	if err := os.Rename(file.Name(), path); err != nil {
		return err
	}
	return SyncFolder(dir)
}

// give gives a file that was just made to whoever owns what stands at the path. Nobody else may open it.
func give(file *os.File, path string) error {
	former, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		giveFirst(file, filepath.Dir(path))
		return nil
	}
	if err != nil {
		return err
	}
	made, err := file.Stat()
	if err != nil {
		return err
	}
	user, group := ownerOf(former)
	switch ourUser, ourGroup := ownerOf(made); {
	case user == ourUser && group == ourGroup:
	case user == ourUser:
		_ = file.Chown(-1, group) // the mode lets a group do nothing, so this may fail
	default:
		if err := file.Chown(user, group); err != nil && user != root {
			return fmt.Errorf("%s is a file of user %d, who could not read what user %d writes; run this as that user: %w", path, user, ourUser, err)
		}
	}
	return nil
}

// giveFirst has what root makes belong to the owner of its folder, as far as root may do so.
func giveFirst(file *os.File, dir string) {
	if folder, err := os.Stat(dir); err == nil && os.Geteuid() == root {
		_ = file.Chown(ownerOf(folder))
	}
}
