//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package files

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
)

// tryLock locks a file for whoever has it open, unless another one has it locked.
func tryLock(file *os.File) (locked bool, err error) {
	err = syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) || errors.Is(err, syscall.EINTR) {
		return false, nil
	}
	return err == nil, err
}

// ownerOf returns the numbers of a file's user and group.
func ownerOf(info fs.FileInfo) (user, group int) {
	stat := info.Sys().(*syscall.Stat_t) // what it always is here
	return int(stat.Uid), int(stat.Gid)
}

// SyncFolder has the names in a folder survive a power cut.
func SyncFolder(path string) error {
	folder, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}
