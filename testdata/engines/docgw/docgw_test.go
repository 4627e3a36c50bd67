package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// message of a client: header, flags, sections.
func wire(op uint32, body []byte) []byte {
	b := make([]byte, headerSize, headerSize+len(body))
	binary.LittleEndian.PutUint32(b[4:], 7)
	binary.LittleEndian.PutUint32(b[12:], op)
	b = append(b, body...)
	binary.LittleEndian.PutUint32(b, uint32(len(b)))
	return b
}

func FuzzReadMessage(f *testing.F) {
	ping := encode(bson.D{{Key: "ping", Value: 1}, {Key: "$db", Value: "admin"}})
	f.Add(wire(opMsg, append([]byte{0, 0, 0, 0, 0}, ping...)))
	f.Add(wire(opMsg, append(append([]byte{1, 0, 0, 0, 0}, ping...), 1, 2, 3, 4)))
	f.Add(wire(opQuery, append([]byte("\x00\x00\x00\x00admin.$cmd\x00\x00\x00\x00\x00\xff\xff\xff\xff"), ping...)))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := readMessage(bytes.NewReader(b))
		if err != nil {
			return
		}
		if _, err := m.command.Elements(); err != nil {
			t.Errorf("a command that can't be read was let through: %v", err)
		}
		withoutSession(m.command)
	})
}

func TestReadMessage(t *testing.T) {
	insert := encode(bson.D{{Key: "insert", Value: "c"}})
	row := encode(bson.D{{Key: "_id", Value: 1}})
	section := append([]byte("\x00\x00\x00\x00documents\x00"), row...)
	binary.LittleEndian.PutUint32(section, uint32(len(section)))
	body := append(append(append([]byte{flagMore, 0, 0, 0, 0}, insert...), 1), section...)
	m, err := readMessage(bytes.NewReader(wire(opMsg, body)))
	if err != nil {
		t.Fatal(err)
	}
	if m.id != 7 || !m.noReply || !bytes.Equal(m.command, insert) || !bytes.Equal(m.sequence, row) {
		t.Errorf("read %+v", m)
	}
	if _, err := readMessage(bytes.NewReader(wire(1, body))); !errors.Is(err, errMalformed) {
		t.Errorf("operation 1: %v, want errMalformed", err)
	}
}

func TestWriteErrorsHaveCodesOfMongoDB(t *testing.T) {
	packed := func(state string) int32 {
		var n int32
		for i := range state {
			n |= int32(state[i]-'0') << (6 * i)
		}
		return n
	}
	for _, c := range []struct {
		state, message string
		want           int32
	}{
		{"M001C", "duplicate", codeDuplicateKey},
		{"23505", "duplicate", codeDuplicateKey},
		{"40001", "could not serialize", codeWriteConflict},
		{"M0001", "Document failed validation", codeValidation},
		{"XX000", "anything else", codeInternal},
	} {
		answer, err := translateWriteErrors(encode(bson.D{{Key: "writeErrors", Value: bson.A{
			bson.D{{Key: "index", Value: 0}, {Key: "code", Value: packed(c.state)}, {Key: "errmsg", Value: c.message}},
		}}}))
		if err != nil {
			t.Fatal(err)
		}
		if got, _ := bson.Raw(answer).Lookup("writeErrors", "0", "code").AsInt64OK(); got != int64(c.want) {
			t.Errorf("%s %q: code %d, want %d", c.state, c.message, got, c.want)
		}
	}
}
