package bare

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"writegate"
	"writegate/internal/files"
)

// lockWait bounds the wait for another process that writes to the same file.
const lockWait = 2 * time.Second

// letters is a file with a line for each dead letter. It is opened anew for each settlement, so it may be moved
// away at any time.
type letters struct {
	path string
	mu   sync.Mutex
}

func lines(all []writegate.DeadLetter) ([]byte, error) {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	for i := range all {
		if err := enc.Encode(NewLine(&all[i])); err != nil {
			return nil, fmt.Errorf("dead letter: %w", err)
		}
	}
	return out.Bytes(), nil
}

// keep appends dead letters. When it returns nil they are on disk; when it returns an error, some may be.
func (f *letters) keep(ctx context.Context, all []writegate.DeadLetter) error {
	text, err := lines(all)
	if err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	file, err := f.open()
	if err != nil {
		return err
	}
	err = files.Lock(ctx, file, lockWait)
	if err == nil {
		err = appendLines(file, text)
	}
	return errors.Join(err, file.Close())
}

// appendLines begins a line of its own, also behind one that was broken off.
func appendLines(file *os.File, text []byte) error {
	size, err := file.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	if size > 0 {
		end := make([]byte, 1)
		if _, err := file.ReadAt(end, size-1); err != nil {
			return err
		}
		if end[0] != '\n' {
			text = append([]byte("\n"), text...)
		}
	}
	if _, err := file.Write(text); err != nil {
		return err
	}
	return file.Sync()
}

// check tells whether letters can be kept, and creates the file.
func (f *letters) check() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	file, err := f.open()
	if err != nil {
		return err
	}
	return file.Close()
}

// open opens the file, and sees to it that a new one is there after a power cut.
func (f *letters) open() (*os.File, error) {
	file, err := os.OpenFile(f.path, os.O_RDWR|os.O_APPEND, 0)
	if err == nil {
		return keeping(file)
	}
	if !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	file, err = os.OpenFile(f.path, os.O_RDWR|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := files.SyncFolder(filepath.Dir(f.path)); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}

// keeping closes what only looks like a file, such as a device or a pipe.
func keeping(file *os.File) (*os.File, error) {
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is no file that keeps what is written to it", file.Name())
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}
