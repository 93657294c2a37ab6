package apikeyprocessor

import (
	"net/netip"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/disco-platform/mirrorball/internal/apikey"
	"github.com/disco-platform/mirrorball/internal/geo"
	"github.com/disco-platform/mirrorball/internal/stamp"
	"github.com/disco-platform/mirrorball/sdkinstrumentation/usageconv"
)

// request is one delivery by one sender.
type request struct {
	sender *apikey.Identity
	// trusted senders hold telemetry:write_any and report calls made with any key.
	trusted   bool
	countries *geo.Countries
	// client and country are the caller's, for senders that are not trusted.
	client, country string
	// owners are the keys that a trusted sender's records name; nil for those that are not registered. named are the same
	// by the text that names them, so that each is read once.
	owners map[apikey.Fingerprint]*apikey.Identity
	named  map[string]*apikey.Identity
	// agents and places are what User-Agents and addresses were found to mean; many records of a request have the same.
	agents map[string]stamp.SDK
	places map[string]string
	names  names

	// inherited is what the resource at hand says, for records that say nothing of their own.
	inherited facts

	foreign, redacted int64
}

// stampedOnRecord is the most that record adds to a record: six of identity, the country, three of the SDK.
const stampedOnRecord = 10

// resource cleans a resource and stamps what holds for all of its records.
func (r *request) resource(res pcommon.Resource) {
	m := res.Attributes()
	r.inherited = r.clean(m)
	r.entities(res)
	m.EnsureCapacity(m.Len() + stampedOnRecord)
	m.PutStr(usageconv.StampReporter, r.sender.KeyID)
	m.PutBool(usageconv.StampTrusted, r.trusted)
	if r.trusted {
		return
	}
	stamp.PutIdentity(m, r.sender)
	stamp.Put(m, usageconv.ClientAddress, r.client)
	stamp.Put(m, usageconv.GeoCountry, r.country)
}

// record cleans the attributes of a span or log record and stamps what is its own.
func (r *request) record(m pcommon.Map) {
	f := r.identify(m)
	if !f.sdk && !r.inherited.sdk && f.userAgent != "" {
		stamp.PutSDK(m, r.agent(f.userAgent))
	}
	if r.trusted && f.client != "" {
		stamp.Put(m, usageconv.GeoCountry, r.place(f.client))
	}
}

// agent is the SDK that a User-Agent names.
func (r *request) agent(userAgent string) stamp.SDK {
	s, ok := r.agents[userAgent]
	if !ok {
		s = stamp.SDKIn(userAgent)
		if r.agents == nil {
			r.agents = make(map[string]stamp.SDK)
		}
		r.agents[userAgent] = s
	}
	return s
}

// place is the country of an address.
func (r *request) place(client string) string {
	country, ok := r.places[client]
	if !ok {
		if a, err := netip.ParseAddr(client); err == nil {
			country = r.countries.Country(a)
		}
		if r.places == nil {
			r.places = make(map[string]string)
		}
		r.places[client] = country
	}
	return country
}

// identify cleans a record, and stamps on it whose it is when that is not the sender's.
func (r *request) identify(m pcommon.Map) facts {
	f := r.clean(m)
	key, foreign := f.key, f.foreign
	if !f.named {
		key, foreign = r.inherited.key, r.inherited.foreign
	}
	switch {
	case foreign:
		m.PutBool(usageconv.StampForeign, true)
		r.foreign++
	case key != nil:
		m.EnsureCapacity(m.Len() + stampedOnRecord)
		stamp.PutIdentity(m, key)
	}
	return f
}
