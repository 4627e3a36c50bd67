// Package policytest runs the tests of a policy: files of users, rows and operations with what is expected to become
// of each. Every case goes through the pipeline that production uses, over a fresh database with the rows of the file.
package policytest

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"writegate"
	"writegate/policy"
)

// File is a test file that was read. It never changes.
type File struct {
	// Path is where it was read.
	Path string
	// Policy and Schema are the files that it is about, as paths like its own.
	Policy, Schema string
	// Now is the instant at which every case happens.
	Now time.Time
	// Users are in the order of the file.
	Users []User
	// Cases are in the order of the file.
	Cases []Case

	fixtures []fixture
}

// User is somebody who sends operations.
type User struct {
	Name string
	// Caller is what a token of the user says.
	Caller writegate.Caller
}

// Case is one test: operations of one transaction, and what is expected of them for each user.
type Case struct {
	Name string
	Place
	// As names the users, each of whom begins with the rows of the file.
	As []string
	// Ops are the operations of the transaction.
	Ops []writegate.Op
	// ClientID is the device that sends them, empty for one that is not known.
	ClientID string

	places []Place           // of Ops
	expect map[string]expect // by user
}

// Place is where something stands in its file, counted from 1.
type Place struct {
	Line   int `json:"line"`
	Column int `json:"column"`
}

// fixture is one row that is there before a case.
type fixture struct {
	table string
	at    Place
	cells []cell
}

// cell is a column with a value as a client would send it.
type cell struct {
	column string
	value  any
	at     Place
}

// expect is what one user is to be answered: whole for the transaction, each for its operations. One of them is set.
type expect struct {
	whole *want
	each  []want
}

// want is what is expected. What is empty is not looked at.
type want struct {
	at                                  Place
	outcome, code, rule, field, message string
	row                                 []cell
	gone                                bool // no row is expected
	rowAt                               Place
}

// User returns the user of a name.
func (f *File) User(name string) (User, bool) {
	for _, u := range f.Users {
		if u.Name == name {
			return u, true
		}
	}
	return User{}, false
}

// Load reads a test file. What is wrong with its text is [policy.Faults], all at once.
func Load(path string) (*File, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read tests: %w", err)
	}
	return Parse(path, text)
}

// Parse reads tests from text. The name stands for the file in messages, and paths in it are relative to its folder.
func Parse(name string, text []byte) (*File, error) {
	root, err := policy.ParseNode(name, text)
	if err != nil {
		return nil, err
	}
	r := &reader{name: name}
	f := r.read(root)
	if len(r.faults) > 0 {
		return nil, r.faults
	}
	return f, nil
}

// beside is a path that a file names, as seen from where the file's own path is.
func beside(file, path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(filepath.Dir(file), path)
}
