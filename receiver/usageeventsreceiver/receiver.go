package usageeventsreceiver

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/config/confighttp"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/receiver/receiverhelper"

	"github.com/disco-platform/mirrorball/receiver/usageeventsreceiver/internal/metadata"
)

// eventsReceiver is the HTTP server.
type eventsReceiver struct {
	cfg     *Config
	set     receiver.Settings
	handler *handler

	server   *http.Server
	listener net.Listener
	serving  sync.WaitGroup
}

func newEventsReceiver(set receiver.Settings, cfg *Config, next consumer.Logs) (*eventsReceiver, error) {
	transport := "http"
	if cfg.TLS.HasValue() {
		transport = "https"
	}
	observed, err := receiverhelper.NewObsReport(receiverhelper.ObsReportSettings{
		ReceiverID: set.ID, Transport: transport, ReceiverCreateSettings: set,
	})
	if err != nil {
		return nil, fmt.Errorf("cannot make the receiver's metrics: %w", err)
	}
	telemetry, err := metadata.NewTelemetryBuilder(set.TelemetrySettings)
	if err != nil {
		return nil, fmt.Errorf("cannot make the receiver's metrics: %w", err)
	}
	return &eventsReceiver{
		cfg: cfg, set: set,
		handler: &handler{
			next: next, observed: observed, telemetry: telemetry, version: set.BuildInfo.Version,
			inFlight: make(chan struct{}, cfg.MaxInFlight),
		},
	}, nil
}

// Start listens. A port that is taken is an error of Start; an error while serving later is fatal to the collector.
func (r *eventsReceiver) Start(ctx context.Context, host component.Host) error {
	var err error
	r.server, err = r.cfg.ToServer(ctx, host.GetExtensions(), r.set.TelemetrySettings, r.handler.routes(r.cfg.Path),
		confighttp.WithErrorHandler(serverError))
	if err != nil {
		return fmt.Errorf("cannot set up the server of events: %w", err)
	}
	r.listener, err = r.cfg.ToListener(ctx)
	if err != nil {
		return fmt.Errorf("cannot listen on `endpoint` %s: %w", r.cfg.NetAddr.Endpoint, err)
	}
	r.serving.Go(func() {
		if err := r.server.Serve(r.listener); !errors.Is(err, http.ErrServerClosed) {
			componentstatus.ReportStatus(host, componentstatus.NewFatalErrorEvent(err))
		}
	})
	return nil
}

// Shutdown lets the requests under way finish while ctx lasts.
func (r *eventsReceiver) Shutdown(ctx context.Context) error {
	if r.server == nil {
		return nil
	}
	err := r.server.Shutdown(ctx)
	if err != nil {
		err = errors.Join(err, r.server.Close())
	}
	r.serving.Wait()
	r.handler.telemetry.Shutdown()
	return err
}
