package keys

import (
	"bytes"
	"context"
	"sync"

	"writegate"
)

// Store keeps the document of a set. Its methods may be called at once, from many processes.
type Store interface {
	// Load returns the document and its version, which is greater than 0 and changes with the document; nil and 0 where
	// there is none yet.
	Load(ctx context.Context) (doc []byte, version int64, err error)
	// Swap replaces the document whose version is still this one, or makes the first one where version is 0. It reports
	// whether it did: false means that somebody else was first.
	Swap(ctx context.Context, doc []byte, version int64) (bool, error)
}

// onShelf is a store in a database.
type onShelf struct {
	shelf writegate.Shelf
	name  string
}

// OnShelf returns a store that is a document in a database, by its name there.
func OnShelf(shelf writegate.Shelf, name string) Store { return onShelf{shelf, name} }

func (s onShelf) Load(ctx context.Context) ([]byte, int64, error) {
	return s.shelf.Document(ctx, s.name)
}

func (s onShelf) Swap(ctx context.Context, doc []byte, version int64) (bool, error) {
	return s.shelf.ReplaceDocument(ctx, s.name, doc, version)
}

// inMemory is the store of a set that is not to outlive its process.
type inMemory struct {
	mu      sync.Mutex
	doc     []byte
	version int64
}

func (s *inMemory) Load(context.Context) ([]byte, int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.doc, s.version, nil
}

func (s *inMemory) Swap(_ context.Context, doc []byte, version int64) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if version != s.version {
		return false, nil
	}
	s.doc, s.version = bytes.Clone(doc), version+1
	return true, nil
}
