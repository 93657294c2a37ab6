// Command stub wires the real components by hand; not committed.
package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/extension"
	"go.opentelemetry.io/collector/processor"
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/receiver/otlpreceiver"
	"go.uber.org/zap"

	"github.com/disco-platform/mirrorball/exporter/postgresusageexporter"
	"github.com/disco-platform/mirrorball/extension/analyticsapiextension"
	"github.com/disco-platform/mirrorball/extension/apikeyauthextension"
	"github.com/disco-platform/mirrorball/extension/usagestoreextension"
	"github.com/disco-platform/mirrorball/processor/apikeyprocessor"
)

type host struct{ e map[component.ID]component.Component }

func (h host) GetExtensions() map[component.ID]component.Component { return h.e }

func must[T any](v T, err error) T {
	check(err)
	return v
}
func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "stub:", err)
		os.Exit(1)
	}
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	tel := componenttest.NewNopTelemetrySettings()
	lc := zap.NewProductionConfig()
	tel.Logger = must(lc.Build())
	env := os.Getenv
	conf := func(cfg component.Config, m map[string]any) component.Config {
		check(confmap.NewFromStringMap(m).Unmarshal(cfg))
		return cfg
	}
	h := host{map[component.ID]component.Component{}}
	var ups []component.Component
	ext := func(f extension.Factory, m map[string]any) {
		id := component.NewID(f.Type())
		e := must(f.Create(ctx, extension.Settings{ID: id, TelemetrySettings: tel}, conf(f.CreateDefaultConfig(), m)))
		h.e[id] = e
		ups = append(ups, e)
	}
	ext(usagestoreextension.NewFactory(), map[string]any{"dsn": env("DATABASE_URL"), "data_dir": env("MIRRORBALL_DATA"), "pepper": env("MIRRORBALL_PEPPER")})
	ext(apikeyauthextension.NewFactory(), map[string]any{"store": "usage_store"})
	ext(analyticsapiextension.NewFactory(), map[string]any{"store": "usage_store", "endpoint": "127.0.0.1:" + env("MIRRORBALL_API_PORT"), "registrations_per_hour": 100})

	xf, pf, rf := postgresusageexporter.NewFactory(), apikeyprocessor.NewFactory(), otlpreceiver.NewFactory()
	xc, pc := conf(xf.CreateDefaultConfig(), map[string]any{"store": "usage_store"}), conf(pf.CreateDefaultConfig(), map[string]any{"store": "usage_store"})
	rc := conf(rf.CreateDefaultConfig(), map[string]any{"protocols": map[string]any{"http": map[string]any{
		"endpoint": "127.0.0.1:" + env("MIRRORBALL_OTLP_HTTP_PORT"), "auth": map[string]any{"authenticator": "api_key_auth"}, "max_request_body_size": 4194304, "read_timeout": "15s"}}})
	xs := exporter.Settings{ID: component.NewID(xf.Type()), TelemetrySettings: tel}
	ps := processor.Settings{ID: component.NewID(pf.Type()), TelemetrySettings: tel}
	rs := receiver.Settings{ID: component.NewID(rf.Type()), TelemetrySettings: tel}
	xt, xl := must(xf.CreateTraces(ctx, xs, xc)), must(xf.CreateLogs(ctx, xs, xc))
	pt, pl := must(pf.CreateTraces(ctx, ps, pc, xt)), must(pf.CreateLogs(ctx, ps, pc, xl))
	rt, rl := must(rf.CreateTraces(ctx, rs, rc, pt)), must(rf.CreateLogs(ctx, rs, rc, pl))
	ups = append(ups, xt, xl, pt, pl, rt, rl)
	for _, c := range ups {
		check(c.Start(ctx, h))
	}
	go http.ListenAndServe("127.0.0.1:"+env("MIRRORBALL_HEALTH_PORT"), http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {}))
	<-ctx.Done()
	down, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for i := len(ups) - 1; i >= 0; i-- { // receivers, processors, exporters, extensions
		if err := ups[i].Shutdown(down); err != nil {
			fmt.Fprintln(os.Stderr, "stub shutdown:", err)
		}
	}
}
