package server

import (
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"github.com/labstack/echo/v4"
	"github.com/labstack/echo/v4/middleware"
)

// localHosts turns away, where it is asked for, whoever came by a name that is not this machine's own.
func (s *Server) localHosts(next echo.HandlerFunc) echo.HandlerFunc {
	if !s.opts.LocalHosts {
		return next
	}
	return func(c echo.Context) error {
		if !isLocalHost(c.Request().Host) {
			return &fault{status: http.StatusForbidden, message: "The host of the URL has to be an address or localhost."}
		}
		return next(c)
	}
}

// isLocalHost reports whether nobody but this machine decides where a host, with or without a port, leads to.
func isLocalHost(hostport string) bool {
	host, _, err := net.SplitHostPort(hostport)
	if err != nil {
		host = strings.TrimSuffix(strings.TrimPrefix(hostport, "["), "]")
	}
	_, err = netip.ParseAddr(host)
	host = strings.ToLower(host)
	return err == nil || host == "localhost" || strings.HasSuffix(host, ".localhost")
}

func (s *Server) cors() echo.MiddlewareFunc {
	var allow func(string) (bool, error)
	if len(s.opts.Origins) == 0 { // which Echo takes for everybody
		allow = func(string) (bool, error) { return false, nil }
	}
	return middleware.CORSWithConfig(middleware.CORSConfig{
		AllowOriginFunc: allow,
		AllowOrigins:    s.opts.Origins,
		AllowMethods:    methods,
		AllowHeaders: []string{
			echo.HeaderAuthorization, echo.HeaderContentType, echo.HeaderContentEncoding,
			headerClientID, headerRequestID, echo.HeaderXRequestedWith, "X-User-Agent",
		},
		ExposeHeaders: []string{headerRequestID, headerPolicy, echo.HeaderRetryAfter, echo.HeaderWWWAuthenticate},
		MaxAge:        2 * 60 * 60,
	})
}

// ownOrigins turns away what a page of a foreign origin sends without asking first: CORS alone would keep it
// from reading the answer only. It comes after CORS, whose header says that the origin is allowed.
func (s *Server) ownOrigins(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		r := c.Request()
		origin := r.Header.Get(echo.HeaderOrigin)
		reads := r.Method == http.MethodGet || r.Method == http.MethodHead
		if origin == "" || reads && strings.TrimRight(c.Path(), "/") != pathToken ||
			c.Response().Header().Get(echo.HeaderAccessControlAllowOrigin) != "" || isSameHost(origin, r.Host) {
			return next(c)
		}
		return &fault{status: http.StatusForbidden, message: "Pages of this origin may not call; the server's list of allowed origins lacks it."}
	}
}

// isSameHost leaves the scheme aside, since a proxy before the server may have taken TLS off.
func isSameHost(origin, host string) bool {
	u, err := url.Parse(origin)
	return err == nil && u.Host != "" && strings.EqualFold(u.Host, host)
}
