package server

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"
)

// keysMaxAge is how long caches on the way keep the public keys, on top of the 5 minutes for which the sync service does:
// together less than a new key is published before it signs.
const keysMaxAge = "public, max-age=60"

// keys serves the public keys, and nothing to who has them already.
func (s *Server) keys(c echo.Context) error {
	set := s.opts.JWKS()
	sum := sha256.Sum256(set)
	h := c.Response().Header()
	h.Set(echo.HeaderContentType, echo.MIMEApplicationJSON)
	h.Set(echo.HeaderCacheControl, keysMaxAge)
	h.Set("ETag", `"`+base64.RawURLEncoding.EncodeToString(sum[:16])+`"`)
	http.ServeContent(c.Response(), c.Request(), "", time.Time{}, bytes.NewReader(set))
	return nil
}
