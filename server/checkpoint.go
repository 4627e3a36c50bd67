package server

import (
	"encoding/json"
	"net/http"
	"strconv"

	"github.com/labstack/echo/v4"

	"writegate"
	"writegate/server/dialect"
)

// maxCheckpointBody is the limit in bytes of the body that asks for a checkpoint.
const maxCheckpointBody = 64 << 10

// checkpoint answers a number for this user and device that is greater than any it answered before. The user
// is the token's: one that the body could name would let anybody move somebody else's checkpoint.
func (s *Server) checkpoint(c echo.Context) error {
	r := c.Request()
	caller, err := s.identify(r)
	if err != nil {
		return err
	}
	body, reading, err := s.readBody(c, caller, maxCheckpointBody)
	if err != nil {
		return err
	}
	defer reading.leave()
	var asked struct {
		ClientID any `json:"client_id"`
		UserID   any `json:"user_id"`
	}
	if len(body) > 0 {
		if err := json.Unmarshal(body, &asked); err != nil {
			return &fault{status: http.StatusBadRequest, message: "The body is not a JSON object with client_id.", cause: err}
		}
	}
	if s.opts.NoAuth {
		caller = developer(idText(asked.UserID))
	}
	id, err := clientID(r, idText(asked.ClientID))
	if err != nil {
		return err
	}
	if id == "" {
		return &fault{status: http.StatusBadRequest, message: "client_id is missing, in the body and as header X-Client-Id."}
	}
	working, err := s.enter(r.Context(), s.admission.work, caller, "", 1)
	if err != nil {
		return err
	}
	defer working.leave()
	ctx, cancel := s.detached(r.Context())
	defer cancel()
	n, err := s.opts.Checkpoint(ctx, caller.Subject, id)
	if err != nil {
		s.log.ErrorContext(ctx, "checkpoint", "request_id", requestID(c), "subject", caller.Subject, "client_id", id, "error", err, "cause", writegate.AsError(err).Cause)
		return err
	}
	// A string, since JavaScript cannot hold every 64-bit number.
	s.send(c, dialect.Reply{Status: http.StatusOK, Body: map[string]string{"checkpoint": strconv.FormatInt(n, 10)}})
	return nil
}

// idText is an id that some clients send as a number.
func idText(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	return ""
}
