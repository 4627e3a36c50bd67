package main

import (
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// failPoint makes commands fail, as mongod's failCommand does.
type failPoint struct {
	// times is how often, and below 0 means always.
	times    int64
	commands []string
	code     int32
	labels   []string
	// close cuts the connection instead of an answer.
	close bool
	// closeAfter runs the command and cuts the connection then: a lost answer. mongod has no such thing.
	closeAfter bool
}

// fails returns the fail point that this command meets, and counts it.
func (s *server) fails(command string) *failPoint {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.failing
	if f == nil || f.times == 0 || !slices.Contains(f.commands, command) {
		return nil
	}
	f.times--
	return f
}

// configureFailPoint sets or removes the one fail point that there can be.
func (s *server) configureFailPoint(command bson.Raw) ([]byte, error) {
	var f *failPoint
	if mode, _ := command.Lookup("mode").StringValueOK(); mode != "off" {
		var c struct {
			Data struct {
				FailCommands    []string `bson:"failCommands"`
				ErrorCode       int32    `bson:"errorCode"`
				ErrorLabels     []string `bson:"errorLabels"`
				CloseConnection bool     `bson:"closeConnection"`
				CloseAfter      bool     `bson:"closeAfter"`
			} `bson:"data"`
		}
		if err := bson.Unmarshal(command, &c); err != nil {
			return nil, newError(codeTypeMismatch, err.Error())
		}
		d := c.Data
		f = &failPoint{times: -1, commands: d.FailCommands, code: d.ErrorCode, labels: d.ErrorLabels, close: d.CloseConnection, closeAfter: d.CloseAfter}
		if n, ok := command.Lookup("mode", "times").AsInt64OK(); ok {
			f.times = n
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failing = f
	return okay(), nil
}
