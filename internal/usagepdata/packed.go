package usagepdata

import (
	"cmp"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/disco-platform/mirrorball/internal/packed"
	"github.com/disco-platform/mirrorball/internal/stamp"
	"github.com/disco-platform/mirrorball/internal/usage"
	"github.com/disco-platform/mirrorball/sdkinstrumentation/usageconv"
)

// carried are the spans that a carrier stands for, with what the api_key processor noted of them.
type carried struct {
	c     *conversion
	src   *source
	spans *packed.Resource

	readers  []namedReader        // by the number of a name
	owners   map[string]*owner    // by fingerprint
	agents   map[string]stamp.SDK // by User-Agent
	sdkNamed bool                 // by the resource, if only ""
}

// owner is whose a key is: as it is stamped, and as it is read.
type owner struct {
	stamped pcommon.Map
	who     who
}

func (c *conversion) carried(src *source, res pcommon.Resource, spans *packed.Resource) *carried {
	k := &carried{
		c: c, src: src, spans: spans,
		readers: readersOf(c.opts.Packed), owners: make(map[string]*owner, len(spans.Owners)), agents: map[string]stamp.SDK{},
	}
	_, k.sdkNamed = res.Attributes().Get(usageconv.SDKName)
	for fingerprint, id := range spans.Owners {
		o := &owner{stamped: pcommon.NewMap()}
		stamp.PutIdentity(o.stamped, id)
		for name, v := range o.stamped.All() {
			read := valueOf(v)
			o.who.take(name, &read)
		}
		k.owners[fingerprint] = o
	}
	return k
}

// carrier turns the spans that a carrier stands for into requests, as if each were there in pdata and had its stamps.
func (c *conversion) carrier(src *source, res pcommon.Resource, spans *packed.Resource, carrier ptrace.Span) {
	if err := c.opts.Packed.Each(spans, c.carried(src, res, spans).span); err != nil {
		for range spans.Spans() {
			c.rejections.add(src.who.reporter, usage.ReasonUnstorable, err.Error, func() string { return spanRecord(carrier) })
		}
	}
}

func (k *carried) span(in packed.Reading, s *packed.Span) {
	var r reading
	var v value
	r.who.inherit(k.src)
	says := saying{sdkNamed: k.sdkNamed}
	attributes := in.Attributes(s)
	for i := range attributes {
		a := &attributes[i]
		by := &k.readers[a.Name]
		if by.reader == readByNone {
			continue
		}
		v.read(in, a)
		if by.stamps {
			says.note(by.name, v.text)
		}
		r.takeBy(by.reader, by.name, &v)
	}
	st := k.stamps(&says)
	st.read(&r.who)
	head := spanHead{
		trace: s.TraceID, id: s.SpanID, kind: s.Kind, start: pcommon.Timestamp(s.Start), end: pcommon.Timestamp(s.End), status: s.Status,
	}
	k.c.request(k.src, &head, &r, func() string { return st.record(in, s) })
}

// saying is what a span says that stamps depend on.
type saying struct {
	fingerprint, address, userAgent string
	sdkNamed                        bool
}

func (s *saying) note(name, text string) {
	switch name {
	case usageconv.APIKeyFingerprint:
		s.fingerprint = text
	case usageconv.ClientAddress:
		s.address = text
	case usageconv.UserAgentOriginal:
		s.userAgent = text
	case usageconv.SDKName:
		s.sdkNamed = true
	}
}

// stamps are what the api_key processor would have stamped on a span.
type stamps struct {
	owner   *owner // nil if it is not known
	sdk     stamp.SDK
	country string
}

func (k *carried) stamps(s *saying) stamps {
	st := stamps{owner: k.owners[s.fingerprint], country: k.spans.Countries[s.address]}
	if !s.sdkNamed && s.userAgent != "" {
		st.sdk = k.sdk(s.userAgent)
	}
	return st
}

// read reads an attribute.
func (v *value) read(in packed.Reading, a *packed.Attribute) {
	*v = value{bits: a.Bits}
	switch a.Type {
	case packed.Int:
		v.kind = pcommon.ValueTypeInt
	case packed.Double:
		v.kind = pcommon.ValueTypeDouble
	case packed.Bool:
		v.kind = pcommon.ValueTypeBool
	default:
		text := in.Text(a)
		v.kind, v.text, v.storable = pcommon.ValueTypeStr, text.String, text.Storable
	}
}

func (k *carried) sdk(userAgent string) stamp.SDK {
	s, ok := k.agents[userAgent]
	if !ok {
		s = stamp.SDKIn(userAgent)
		k.agents[userAgent] = s
	}
	return s
}

// read is what reading the stamps gives. The span has no identity of its own.
func (st *stamps) read(w *who) {
	if st.owner != nil {
		o := &st.owner.who
		w.keyID, w.email, w.organization, w.environment = o.keyID, o.email, o.organization, o.environment
	}
	if st.sdk.Name != "" {
		w.sdk = usage.SDK{Name: st.sdk.Name, Version: cmp.Or(st.sdk.Version, w.sdk.Version), Language: cmp.Or(st.sdk.Language, w.sdk.Language)}
	}
	if st.country != "" {
		w.country = country(&value{text: st.country})
	}
}

// record is the span as it is kept in quarantine.
func (st *stamps) record(in packed.Reading, s *packed.Span) string {
	span, err := in.Decode(s)
	if err != nil {
		return ""
	}
	st.put(span.Attributes())
	return spanRecord(span)
}

// put writes the stamps, in the order in which the processor does.
func (st *stamps) put(m pcommon.Map) {
	if st.owner != nil {
		for name, v := range st.owner.stamped.All() {
			m.PutStr(name, v.Str())
		}
	}
	stamp.PutSDK(m, st.sdk)
	stamp.Put(m, usageconv.GeoCountry, st.country)
}
