package apikeyprocessor

import (
	"context"
	"fmt"
	"iter"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/disco-platform/mirrorball/extension/usagestoreextension"
	"github.com/disco-platform/mirrorball/internal/apikey"
	"github.com/disco-platform/mirrorball/internal/apikey/keyauth"
	"github.com/disco-platform/mirrorball/internal/geo"
	"github.com/disco-platform/mirrorball/processor/apikeyprocessor/internal/metadata"
	"github.com/disco-platform/mirrorball/sdkinstrumentation/usageconv"
)

type apiKeyProcessor struct {
	config    *Config
	telemetry *metadata.TelemetryBuilder

	keys      *apikey.Verifier
	countries *geo.Countries
}

func newProcessor(cfg *Config, set component.TelemetrySettings) (*apiKeyProcessor, error) {
	telemetry, err := metadata.NewTelemetryBuilder(set)
	if err != nil {
		return nil, fmt.Errorf("cannot make the processor's metrics: %w", err)
	}
	return &apiKeyProcessor{config: cfg, telemetry: telemetry}, nil
}

func (p *apiKeyProcessor) start(_ context.Context, host component.Host) error {
	store, err := usagestoreextension.Find(host, p.config.Store)
	if err != nil {
		return err
	}
	countries, err := geo.Open(p.config.Geo.MMDB)
	if err != nil {
		return fmt.Errorf("`geo::mmdb`: %w", err)
	}
	p.keys, p.countries = store.Keys(), countries
	return nil
}

func (p *apiKeyProcessor) shutdown(context.Context) error {
	p.telemetry.Shutdown()
	if p.countries == nil {
		return nil
	}
	return p.countries.Close()
}

// begin finds out all that may fail before anything is changed, so that a request which has to be repeated is left as
// it was. fingerprints are those that resources and records of the request name.
func (p *apiKeyProcessor) begin(ctx context.Context, fingerprints iter.Seq[string]) (*request, error) {
	data := keyauth.FromContext(ctx)
	switch {
	case data == nil:
		return nil, errNoKey
	case data.Identity == nil:
		p.telemetry.ProcessorAPIKeyUnresolvedRequests.Add(ctx, 1)
		return nil, errUnresolved
	}
	r := &request{
		sender:    data.Identity,
		trusted:   data.Identity.Has(apikey.ScopeTelemetryWriteAny),
		countries: p.countries,
	}
	switch {
	case r.trusted:
		if err := r.resolve(ctx, p.keys, fingerprints); err != nil {
			p.telemetry.ProcessorAPIKeyUnresolvedRequests.Add(ctx, 1)
			return nil, errUnresolved
		}
	case data.Identity.Has(apikey.ScopeTelemetryWrite):
		if data.Client.IsValid() {
			r.client, r.country = data.Client.String(), p.countries.Country(data.Client)
		}
	default:
		return nil, errNoScope
	}
	return r, nil
}

// resolve looks up the owners of all keys that the request names.
func (r *request) resolve(ctx context.Context, keys *apikey.Verifier, fingerprints iter.Seq[string]) error {
	r.owners = make(map[apikey.Fingerprint]*apikey.Identity)
	r.named = make(map[string]*apikey.Identity)
	for text := range fingerprints {
		if _, seen := r.named[text]; seen {
			continue
		}
		if f, err := apikey.ParseFingerprint(text); err == nil {
			r.named[text], r.owners[f] = nil, nil
		}
	}
	if err := keys.ByFingerprints(ctx, r.owners); err != nil {
		return err
	}
	for text := range r.named {
		if f, err := apikey.ParseFingerprint(text); err == nil {
			r.named[text] = r.owners[f]
		}
	}
	return nil
}

// yieldFingerprint yields the fingerprint among the attributes, if there is one, and says whether to go on.
func yieldFingerprint(m pcommon.Map, yield func(string) bool) bool {
	v, ok := m.Get(usageconv.APIKeyFingerprint)
	return !ok || yield(v.Str())
}

// end reports what was done.
func (p *apiKeyProcessor) end(ctx context.Context, r *request) {
	if r.foreign > 0 {
		p.telemetry.ProcessorAPIKeyForeignRecords.Add(ctx, r.foreign)
	}
	if r.redacted > 0 {
		p.telemetry.ProcessorAPIKeyRedactedValues.Add(ctx, r.redacted)
	}
}
