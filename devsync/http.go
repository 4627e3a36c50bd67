package devsync

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"

	"writegate"
)

// The codes of the sync service's errors that clients show to developers.
const (
	badRequest   = "PSYNC_S2002"
	unauthorized = "PSYNC_S2101"
	noToken      = "PSYNC_S2106"
	keysAway     = "PSYNC_S2204"
)

// caller is who sent a request. Everybody sees the same, so all that counts is until when.
type caller struct {
	expires time.Time // zero when the token does not expire
}

// expiry says how long the token is still good for.
func (c caller) expiry() tokenExpiry {
	if c.expires.IsZero() {
		return tokenExpiry{Seconds: noExpiry}
	}
	return tokenExpiry{Seconds: max(0, int64(time.Until(c.expires)/time.Second))}
}

// authenticated makes a handler of one method for callers with a good token.
func (s *Server) authenticated(method string, h func(http.ResponseWriter, *http.Request, caller)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != method {
			w.Header().Set("Allow", method)
			fail(w, http.StatusMethodNotAllowed, badRequest, "This path takes "+method+" only.")
			return
		}
		token, ok := bearer(r.Header.Get("Authorization"))
		if !ok {
			fail(w, http.StatusUnauthorized, noToken, "An Authorization header with a token is required.")
			return
		}
		var c caller
		var err error
		if _, c.expires, err = s.o.Authenticate(r.Context(), token); err != nil {
			var e *writegate.Error
			if errors.As(err, &e) && e.Code != writegate.Unauthorized {
				fail(w, http.StatusServiceUnavailable, keysAway, "The token can't be checked right now.")
				return
			}
			fail(w, http.StatusUnauthorized, unauthorized, "The token is not valid.")
			return
		}
		h(w, r, c)
	})
}

// bearer takes the token out of an Authorization header. The clients' own scheme is Token.
func bearer(header string) (string, bool) {
	scheme, token, _ := strings.Cut(header, " ")
	token = strings.TrimSpace(token)
	if !strings.EqualFold(scheme, "Token") && !strings.EqualFold(scheme, "Bearer") {
		return "", false
	}
	return token, token != ""
}

// readJSON decodes the body, or answers why it can't.
func readJSON(w http.ResponseWriter, r *http.Request, v any) bool {
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxRequest)).Decode(v); err != nil {
		fail(w, http.StatusBadRequest, badRequest, "The body is not the JSON that is expected here.")
		return false
	}
	return true
}

// fail answers with an error in the sync service's form.
func fail(w http.ResponseWriter, status int, code, description string) {
	type body struct {
		Code        string `json:"code"`
		Status      int    `json:"status"`
		Description string `json:"description"`
	}
	writeJSON(w, status, map[string]body{"error": {code, status, description}})
}

// writeJSON answers. A client that is gone can't be helped.
func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}
