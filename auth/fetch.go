package auth

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
)

// client returns the client for the key set at an address: few redirects, none to what could not be configured, none from
// https to http.
func (o Options) client(configured string) *http.Client {
	return &http.Client{
		Transport: o.guarded(configured),
		CheckRedirect: func(req *http.Request, via []*http.Request) error {
			if len(via) > maxRedirects {
				return fmt.Errorf("more than %d redirects", maxRedirects)
			}
			if via[len(via)-1].URL.Scheme == "https" && req.URL.Scheme != "https" {
				return errors.New("redirect away from https")
			}
			req.Header.Del("Referer") // The address that was configured may hold a credential.
			_, err := o.checkURL(req.URL.String())
			return err
		},
	}
}

// mayUseHTTP reports whether a host may be fetched from by http.
func (o Options) mayUseHTTP(host string) bool {
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback() || strings.EqualFold(host, "localhost") || containsFold(o.InsecureHosts, host)
}

// errNoKeys: a set without a key counts as no answer. A provider in trouble may publish one, and none that signs does.
var errNoKeys = errors.New("key set: has no key that can verify tokens")

// fetch gets the key set once. It returns the usable keys, at least one, and why others are ignored: one bad key does not
// spoil the set.
func (s *source) fetch(ctx context.Context) (keys []*key, ignored []error, err error) {
	address, err := s.address(ctx)
	if err != nil {
		return nil, nil, err
	}
	body, err := s.get(ctx, address)
	if err != nil {
		return nil, nil, err
	}
	members, err := parseSet(body)
	if err != nil {
		return nil, nil, fmt.Errorf("key set: %w", err)
	}
	for i, member := range members {
		k, err := parseJWK(member)
		if err != nil {
			ignored = append(ignored, fmt.Errorf("keys[%d] %w", i, err))
			continue
		}
		keys = append(keys, k)
	}
	switch {
	case len(keys) > 0:
		return keys, ignored, nil
	case len(ignored) > 0:
		return nil, nil, fmt.Errorf("%w: %d are ignored, the first: %w", errNoKeys, len(ignored), ignored[0])
	}
	return nil, nil, errNoKeys
}

func (s *source) get(ctx context.Context, address string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return nil, fmt.Errorf("get key set: %w", withoutURL(err))
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "writegate")
	resp, err := s.client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("get key set: %w", withoutURL(err))
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("get key set: status %d", resp.StatusCode)
	}
	limit := s.verifier.options.FetchBytes
	body, err := io.ReadAll(io.LimitReader(resp.Body, limit+1))
	if err != nil {
		return nil, fmt.Errorf("read key set: %w", err)
	}
	if int64(len(body)) > limit {
		return nil, fmt.Errorf("read key set: more than %d bytes", limit)
	}
	return body, nil
}

// withoutURL drops the URL from an error of the client, since its query may hold a credential.
func withoutURL(err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		return u.Err
	}
	return err
}
