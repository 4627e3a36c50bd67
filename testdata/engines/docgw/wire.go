package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// The operations of the wire protocol that are understood.
const (
	opReply = 1    // the answer to opQuery
	opQuery = 2004 // only for the first hello of a client
	opMsg   = 2013

	headerSize     = 16
	maxMessageSize = 48_000_000

	flagChecksum = 1 << 0
	flagMore     = 1 << 1 // no answer is wanted
)

// message is one command from a client.
type message struct {
	id uint32
	op uint32
	// noReply is a command whose sender does not wait for an answer.
	noReply bool
	// command is the document whose first key names the command.
	command bson.Raw
	// sequence is the documents that were sent beside the command, one after the other: the rows of an insert, the
	// statements of an update or delete. A command has one sequence at most.
	sequence []byte
}

var errMalformed = errors.New("malformed message")

// readMessage reads one message. An error ends the connection.
func readMessage(r io.Reader) (*message, error) {
	var header [headerSize]byte
	if _, err := io.ReadFull(r, header[:]); err != nil {
		return nil, err
	}
	size := binary.LittleEndian.Uint32(header[0:])
	if size < headerSize+5 || size > maxMessageSize {
		return nil, fmt.Errorf("%w: %d bytes", errMalformed, size)
	}
	body := make([]byte, size-headerSize)
	if _, err := io.ReadFull(r, body); err != nil {
		return nil, err
	}
	m := &message{id: binary.LittleEndian.Uint32(header[4:]), op: binary.LittleEndian.Uint32(header[12:])}
	var err error
	switch m.op {
	case opQuery:
		err = m.parseQuery(body)
	case opMsg:
		err = m.parseMsg(body)
	default:
		err = fmt.Errorf("%w: operation %d", errMalformed, m.op)
	}
	if err == nil {
		err = m.command.Validate()
	}
	return m, err
}

// parseQuery skips flags, the collection's name, and two counts.
func (m *message) parseQuery(body []byte) error {
	_, rest, ok := bytes.Cut(body[4:], []byte{0})
	if !ok || len(rest) < 8 {
		return errMalformed
	}
	var err error
	m.command, _, err = cutDocument(rest[8:])
	return err
}

func (m *message) parseMsg(body []byte) error {
	flags := binary.LittleEndian.Uint32(body)
	m.noReply = flags&flagMore != 0
	rest := body[4:]
	if flags&flagChecksum != 0 {
		if len(rest) < 4 {
			return errMalformed
		}
		rest = rest[:len(rest)-4]
	}
	for len(rest) > 0 {
		kind := rest[0]
		section, after, err := cutDocument(rest[1:])
		if err != nil {
			return err
		}
		rest = after
		if kind == 0 {
			m.command = section
			continue
		}
		_, documents, ok := bytes.Cut(section[4:], []byte{0})
		if !ok || m.sequence != nil {
			return errMalformed
		}
		m.sequence = documents
	}
	return nil
}

// cutDocument cuts off what begins with its own length, as documents and sections do.
func cutDocument(b []byte) (first, rest []byte, err error) {
	if len(b) < 5 {
		return nil, nil, errMalformed
	}
	n := binary.LittleEndian.Uint32(b)
	if n < 5 || uint64(n) > uint64(len(b)) {
		return nil, nil, errMalformed
	}
	return b[:n], b[n:], nil
}

// reply is the whole answer to m.
func (m *message) reply(document []byte) []byte {
	var out []byte
	if m.op == opQuery {
		out = make([]byte, headerSize+20, headerSize+20+len(document))
		binary.LittleEndian.PutUint32(out[12:], opReply)
		binary.LittleEndian.PutUint32(out[32:], 1) // documents
	} else {
		out = make([]byte, headerSize+5, headerSize+5+len(document))
		binary.LittleEndian.PutUint32(out[12:], opMsg)
	}
	out = append(out, document...)
	binary.LittleEndian.PutUint32(out[0:], uint32(len(out)))
	binary.LittleEndian.PutUint32(out[8:], m.id)
	return out
}
