package sdkinstrumentation

import (
	"net/url"
	"strings"
)

// hostSet answers whether a host is the API's.
type hostSet struct {
	exact    map[string]bool // "host" or "host:port", lower case
	suffixes []string        // ".disco.example"
}

func newHostSet(hosts []string) hostSet {
	s := hostSet{exact: make(map[string]bool, len(hosts))}
	for _, h := range hosts {
		h = strings.ToLower(strings.TrimSpace(h))
		if u, err := url.Parse(h); err == nil && u.Host != "" {
			h = u.Host // a base URL is a likely slip
		}
		switch {
		case h == "" || h == "*" || h == "*.":
		case strings.HasPrefix(h, "*."):
			s.suffixes = append(s.suffixes, h[1:])
		default:
			s.exact[h] = true
		}
	}
	return s
}

func (s *hostSet) has(u *url.URL) bool {
	if u == nil || len(s.exact) == 0 && len(s.suffixes) == 0 {
		return false
	}
	host := u.Host
	if !isLower(host) {
		host = strings.ToLower(host)
	}
	if s.exact[host] {
		return true
	}
	name := host
	if i := strings.LastIndexByte(host, ':'); i > strings.LastIndexByte(host, ']') {
		name = host[:i]
	}
	if s.exact[name] || s.exact[strings.Trim(name, "[]")] {
		return true
	}
	for _, suffix := range s.suffixes {
		if strings.HasSuffix(name, suffix) && len(name) > len(suffix) {
			return true
		}
	}
	return false
}

func isLower(s string) bool {
	for i := range len(s) {
		if s[i] >= 'A' && s[i] <= 'Z' {
			return false
		}
	}
	return true
}
