// Package files changes files that several processes share, perhaps those of several users: under a lock, as a whole, and
// so that a power cut takes nothing back. It also says whether a file of secrets is one. Errors name paths, so they are for the operator only.
package files

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"
)

// pause is the time between two tries for a lock.
const pause = 5 * time.Millisecond

// ErrLocked is the error of a lock that another process kept for too long.
var ErrLocked = errors.New("another process keeps the file locked")

// Lock keeps everybody else who locks the file waiting until it is closed. It waits as long as said, and then returns
// [ErrLocked], or the cause of ctx once that is done. Where there are no such locks, as on Windows, it does nothing: have
// one process only use the file.
func Lock(ctx context.Context, file *os.File, wait time.Duration) error {
	ctx, cancel := context.WithTimeoutCause(ctx, wait, ErrLocked)
	defer cancel()
	for {
		if locked, err := tryLock(file); locked || err != nil {
			return err
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// LockBeside locks a file that may be replaced: the lock is on another one, with .lock behind its path, which is made
// where it is missing and stays. Whoever owns the file owns that one, too. The lock holds until what is returned is closed.
func LockBeside(ctx context.Context, path string, wait time.Duration) (*os.File, error) {
	lock, err := openBeside(path)
	if err != nil {
		return nil, err
	}
	if err := Lock(ctx, lock, wait); err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return lock, nil
}

func openBeside(path string) (*os.File, error) {
	beside := path + ".lock"
	lock, err := os.OpenFile(beside, os.O_RDWR, 0)
	if !errors.Is(err, fs.ErrNotExist) {
		return lock, err
	}
	// Only a file that is made here is given away, and never one behind a link.
	lock, err = os.OpenFile(beside, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	switch {
	case errors.Is(err, fs.ErrExist): // somebody else has just made it
		return os.OpenFile(beside, os.O_RDWR, 0)
	case err != nil:
		return nil, err
	}
	if err := give(lock, path); err != nil {
		return nil, errors.Join(fmt.Errorf("make %s: %w", beside, err), lock.Close(), os.Remove(beside))
	}
	return lock, nil
}
