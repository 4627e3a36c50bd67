package keys

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"writegate/internal/files"
)

// lockWait bounds the wait for another process that replaces the file.
const lockWait = 5 * time.Second

// mostFile bounds what is read of a file, in bytes.
const mostFile = 4 << 20

// inFile is a store in a file.
type inFile struct{ path string }

// InFile returns a store that is a file of mode 0600, for processes on one machine; its folder has to exist. A file that others may read is an
// error. It is replaced as a whole, so that it is never half written, with a lock in a file beside it. Errors name the
// path, so they are for the operator only.
func InFile(path string) Store { return inFile{path} }

// filed is what the file holds.
type filed struct {
	Version  int64           `json:"version"`
	Document json.RawMessage `json:"document"`
}

func (s inFile) Load(context.Context) ([]byte, int64, error) {
	f, err := os.Open(s.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, 0, nil
	}
	if err != nil {
		return nil, 0, err
	}
	defer f.Close()
	info, err := f.Stat()
	switch {
	case err != nil:
		return nil, 0, err
	case !info.Mode().IsRegular():
		return nil, 0, fmt.Errorf("%s is no file", s.path)
	}
	if err := files.CheckSecret(f); err != nil {
		return nil, 0, fmt.Errorf("%s %w", s.path, err)
	}
	text, err := io.ReadAll(io.LimitReader(f, mostFile))
	if err != nil {
		return nil, 0, err
	}
	var found filed
	if err := json.Unmarshal(text, &found); err != nil || found.Version <= 0 {
		return nil, 0, fmt.Errorf("%s is not a file of keys", s.path)
	}
	return found.Document, found.Version, nil
}

func (s inFile) Swap(ctx context.Context, doc []byte, version int64) (done bool, err error) {
	lock, err := files.LockBeside(ctx, s.path, lockWait)
	if err != nil {
		return false, fmt.Errorf("lock %s: %w", s.path, err)
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	_, now, err := s.Load(ctx)
	if err != nil || now != version {
		return false, err
	}
	text, err := json.MarshalIndent(filed{Version: version + 1, Document: doc}, "", "  ")
	if err != nil {
		return false, fmt.Errorf("encode keys: %w", err)
	}
	return true, files.Replace(s.path, append(text, '\n'))
}
