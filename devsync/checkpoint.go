package devsync

import (
	"encoding/json"
	"net/http"
	"strconv"
)

// maxCheckpoint is the greatest checkpoint that a client may ask for by number. The clock never gets there.
const maxCheckpoint = 1 << 62

// writeCheckpoint hands out a number. A checkpoint line has it, or a greater one, as soon as a snapshot that
// began after this request is published: the client's uploads are in it, since they were committed before.
func (s *Server) writeCheckpoint(w http.ResponseWriter, _ *http.Request, _ caller) {
	type answer struct {
		WriteCheckpoint string `json:"write_checkpoint"`
	}
	writeJSON(w, http.StatusOK, map[string]answer{"data": {id(s.request(0))}})
}

// checkpointRequest is the same where the client proposes the number. It gets the greater of its own and ours.
func (s *Server) checkpointRequest(w http.ResponseWriter, r *http.Request, _ caller) {
	var req struct {
		// ID is a string or a number.
		ID json.RawMessage `json:"checkpoint_request_id"`
	}
	if !readJSON(w, r, &req) {
		return
	}
	text := string(req.ID)
	if s, err := strconv.Unquote(text); err == nil {
		text = s
	}
	wanted, err := strconv.ParseInt(text, 10, 64)
	if err != nil || wanted < 0 || wanted > maxCheckpoint {
		fail(w, http.StatusBadRequest, badRequest, "checkpoint_request_id must be a positive integer up to 2^62.")
		return
	}
	type answer struct {
		ID string `json:"checkpoint_request_id"`
	}
	writeJSON(w, http.StatusOK, map[string]answer{"data": {id(s.request(wanted))}})
}

// request numbers a write checkpoint, with at least the number wanted, and asks for a snapshot.
func (s *Server) request(wanted int64) int64 {
	s.mu.Lock()
	s.clock = max(s.clock, wanted-1)
	s.requested = s.tick()
	n := s.requested
	s.mu.Unlock()
	s.Nudge()
	return n
}
