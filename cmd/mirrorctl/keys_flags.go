package main

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/spf13/pflag"

	"github.com/disco-platform/mirrorball/internal/accounts"
)

// keyFlags are what is said of a key when it is made and when it is changed.
type keyFlags struct {
	name              string
	scopes, addresses []string
	expiresAt         string
	expiresIn         time.Duration
	perHour, perMonth int64
}

// Words for no end and no bound.
const (
	never      = "never"
	everywhere = "everywhere"
)

func (k *keyFlags) add(f *pflag.FlagSet, scopes string) {
	f.StringVar(&k.name, "name", "", "what the key is for")
	f.StringArrayVar(&k.scopes, "scope", nil, scopes)
	f.StringArrayVar(&k.addresses, "allowed-address", nil, "a network or address that the key may be used from, may be repeated; "+everywhere)
	f.StringVar(&k.expiresAt, "expires-at", "", "when the key ends, such as 2027-01-01T00:00:00Z; "+never)
	f.DurationVar(&k.expiresIn, "expires-in", 0, "time until the key ends, such as 720h")
	f.Int64Var(&k.perHour, "requests-per-hour", 0, "how many requests of a UTC hour are verified, for all keys that share the limit; 0 is any number")
	f.Int64Var(&k.perMonth, "requests-per-month", 0, "how many requests of a UTC month are verified, for all keys that share the quota; 0 is any number")
}

// fill puts the flags into the description of a new key.
func (k *keyFlags) fill(spec *accounts.KeySpec) (err error) {
	spec.Name, spec.Scopes, spec.PerHour, spec.PerMonth = k.name, k.scopes, k.perHour, k.perMonth
	if spec.Addresses, err = k.networks(); err != nil {
		return err
	}
	spec.ExpiresAt, err = k.end(time.Now())
	return err
}

// change is what the flags that were given change.
func (k *keyFlags) change(f *pflag.FlagSet) (c accounts.KeyChange, err error) {
	if f.Changed("name") {
		c.Name = &k.name
	}
	if f.Changed("scope") {
		c.Scopes = &k.scopes
	}
	if f.Changed("allowed-address") {
		networks, err := k.networks()
		if err != nil {
			return c, err
		}
		c.Addresses = &networks
	}
	if f.Changed("expires-at") || f.Changed("expires-in") {
		end, err := k.end(time.Now())
		if err != nil {
			return c, err
		}
		c.ExpiresAt = &end
	}
	if f.Changed("requests-per-hour") {
		c.PerHour = &k.perHour
	}
	if f.Changed("requests-per-month") {
		c.PerMonth = &k.perMonth
	}
	return c, nil
}

// end is the zero time for never.
func (k *keyFlags) end(now time.Time) (time.Time, error) {
	switch {
	case k.expiresIn < 0:
		return time.Time{}, fmt.Errorf("--expires-in is %v: it must not be negative; to end a key at once, revoke it", k.expiresIn)
	case k.expiresIn > 0 && k.expiresAt != "":
		return time.Time{}, fmt.Errorf("--expires-in and --expires-at say the same: give one of them")
	case k.expiresIn > 0:
		return now.Add(k.expiresIn), nil
	case k.expiresAt == "" || k.expiresAt == never:
		return time.Time{}, nil
	}
	at, err := time.Parse(time.RFC3339, k.expiresAt)
	if err != nil {
		return at, fmt.Errorf("--expires-at is %q: it must be a time such as 2027-01-01T00:00:00Z, or %s", k.expiresAt, never)
	}
	return at.UTC(), nil
}

func (k *keyFlags) networks() ([]netip.Prefix, error) {
	networks := []netip.Prefix{}
	if len(k.addresses) == 1 && k.addresses[0] == everywhere {
		return networks, nil
	}
	for _, text := range k.addresses {
		network, err := netip.ParsePrefix(text)
		if addr, addrErr := netip.ParseAddr(text); addrErr == nil && addr.Zone() == "" {
			network, err = netip.PrefixFrom(addr.Unmap(), addr.Unmap().BitLen()), nil
		}
		if err != nil {
			return nil, fmt.Errorf("--allowed-address is %q: it must be a network such as 203.0.113.0/24, an address, or %s alone", text, everywhere)
		}
		networks = append(networks, network)
	}
	return networks, nil
}
