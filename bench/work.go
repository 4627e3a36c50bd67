package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/google/uuid"
)

// shape is how uploads look: transactions, and operations in each.
type shape struct{ txs, ops int }

func (s shape) String() string { return fmt.Sprintf("%d×%d", s.txs, s.ops) }

// op is one operation of the workload: 60 % PUT, 30 % PATCH, 10 % DELETE of todos.
type op struct {
	Op   string         `json:"op"`
	Type string         `json:"type"`
	ID   string         `json:"id"`
	OpID int64          `json:"op_id"`
	TxID int64          `json:"tx_id"`
	Data map[string]any `json:"data,omitempty"`
}

// sender is one device with the rows it may write.
type sender struct {
	device, subject string
	rnd             *rand.Rand
	stock           []string // rows of the initial table that it patches
	own             []string // rows it made, oldest first
	opID, txID      int64
	rows            int // by how many the table grew
}

func (s *sender) upload(sh shape) []op {
	made := []string{}
	touched := map[string]bool{}
	out := make([]op, 0, sh.txs*sh.ops)
	for range sh.txs {
		s.txID++
		for range sh.ops {
			s.opID++
			o := op{Type: "todos", OpID: s.opID, TxID: s.txID}
			switch p := s.rnd.IntN(10); {
			case p < 1 && len(s.own) > 0:
				o.Op, o.ID = "DELETE", s.own[0]
				s.own = s.own[1:]
				s.rows--
			case p < 4:
				o.Op, o.ID = "PATCH", s.pick(touched)
				o.Data = map[string]any{"description": fmt.Sprintf("patched by operation %d", s.opID), "completed": s.opID % 2}
			default:
				o.Op, o.ID = "PUT", uuid.NewString()
				o.Data = map[string]any{
					"owner_id": s.subject, "list_id": s.stock[0], "description": fmt.Sprintf("made by operation %d of %s", s.opID, s.device),
					"completed": 0, "created_at": time.Now().UTC().Format("2006-01-02T15:04:05.000Z"),
				}
				made = append(made, o.ID)
				s.rows++
			}
			out = append(out, o)
		}
	}
	s.own = append(s.own, made...)
	return out
}

// pick returns a row of the stock that this upload has not touched.
func (s *sender) pick(touched map[string]bool) string {
	for {
		if id := s.stock[s.rnd.IntN(len(s.stock))]; !touched[id] {
			touched[id] = true
			return id
		}
	}
}

func body(device string, ops []op) []byte {
	text, err := json.Marshal(map[string]any{"client_id": device, "crud": ops})
	if err != nil {
		panic(err) // maps and strings always marshal
	}
	return text
}
