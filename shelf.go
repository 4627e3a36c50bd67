package writegate

import "context"

// Shelf keeps small documents beside our own tables, for what all replicas have to agree on. An [Applier] that has tables
// of our own implements it. Its methods may be called at once, and beside uploads. Errors are as those of an [Applier].
type Shelf interface {
	// Document returns what is kept under a name, of at most 255 characters, and its version, which is greater than 0.
	// It is nil and 0 where nothing is.
	Document(ctx context.Context, name string) (body []byte, version int64, err error)
	// ReplaceDocument keeps a body of at most [MaxDocument] bytes in place of that version, or as the first one where
	// version is 0. It reports whether it did: of those who replace one version one does, and the next version is
	// version+1.
	ReplaceDocument(ctx context.Context, name string, body []byte, version int64) (bool, error)
}

// MaxDocument bounds the body of a document on a [Shelf], in bytes.
const MaxDocument = 1 << 20

// Shelf is that of the inner applier.
func (p Passing) Shelf() Shelf { return ShelfOf(p.Applier) }

// ShelfOf is where an applier, or the one that it passes everything on to, keeps documents. It is nil where there are no
// tables of our own.
func ShelfOf(a Applier) Shelf {
	switch a := a.(type) {
	case Shelf:
		return a
	case interface{ Shelf() Shelf }:
		return a.Shelf()
	}
	return nil
}
