package usagestoreextension

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.uber.org/zap"

	"github.com/disco-platform/mirrorball/internal/accounts"
	"github.com/disco-platform/mirrorball/internal/allowance"
	"github.com/disco-platform/mirrorball/internal/analytics"
	"github.com/disco-platform/mirrorball/internal/apikey"
	"github.com/disco-platform/mirrorball/internal/postgres"
	"github.com/disco-platform/mirrorball/internal/postgres/embedded"
	"github.com/disco-platform/mirrorball/internal/usage"
)

// usageStore is the extension. Everything below config and logger is set by Start.
type usageStore struct {
	config *Config
	logger *zap.Logger

	server   *embedded.Server // nil when the server is another's
	db       *postgres.DB
	secrets  postgres.Pepper
	writer   *endingWriter
	reader   *postgres.Reader
	keys     *apikey.Verifier
	accounts *postgres.Registry
	guard    *allowance.Guard
	refusals apikey.RefusalLog
	uses     apikey.UseLog

	stop    context.CancelFunc
	running sync.WaitGroup
}

var _ Store = (*usageStore)(nil)

func (s *usageStore) Writer() usage.Writer         { return s.writer }
func (s *usageStore) Reader() analytics.Reader     { return s.reader }
func (s *usageStore) Keys() *apikey.Verifier       { return s.keys }
func (s *usageStore) Accounts() accounts.Registry  { return s.accounts }
func (s *usageStore) Allowances() *allowance.Guard { return s.guard }
func (s *usageStore) Refusals() *apikey.RefusalLog { return &s.refusals }
func (s *usageStore) Uses() *apikey.UseLog         { return &s.uses }
func (s *usageStore) Derive(purpose string) []byte { return s.secrets.Derive(purpose) }
func (s *usageStore) Window() usage.Window         { return s.config.window() }

// Start returns once usage can be stored. A collector whose store does not start must not start either: it would
// take data that it cannot keep.
func (s *usageStore) Start(ctx context.Context, host component.Host) (err error) {
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("usage_store: %w", err), s.Shutdown(context.WithoutCancel(ctx)))
		}
	}()
	if err := makeDataDir(s.config.DataDir); err != nil {
		return err
	}
	pepper, err := s.pepper()
	if err != nil {
		return err
	}
	s.secrets = pepper
	dsn, err := s.findServer(ctx)
	if err != nil {
		return err
	}
	if s.db, err = s.open(ctx, dsn); err != nil {
		return err
	}
	if err := postgres.CheckPepper(ctx, s.db, pepper); err != nil {
		return err
	}
	if err := postgres.CheckLocks(ctx, s.db); err != nil {
		return err
	}
	if err := postgres.FirstKeys(ctx, s.db, pepper, s.keepKey); err != nil {
		return err
	}
	s.writer = &endingWriter{Writer: postgres.NewWriter(s.db, postgres.WriterConfig{CardinalityLimit: s.config.CardinalityLimit})}
	s.reader = postgres.NewReader(s.db, s.config.vantage())
	s.accounts = postgres.NewRegistry(s.db, pepper)
	s.keys = apikey.NewVerifier(postgres.NewKeyStore(s.db, pepper), apikey.Config{})
	s.guard = allowance.New(postgres.NewAllowances(s.db, s.config.vantage()))
	s.work(host)
	return nil
}

// work starts what goes on while the collector runs.
func (s *usageStore) work(host component.Host) {
	// Not the context of Start, which ends with it.
	ctx, cancel := context.WithCancel(context.Background())
	s.stop = cancel
	s.running.Go(func() { s.keys.Run(ctx) })
	s.running.Go(func() {
		s.db.Maintain(ctx, func(err error) {
			s.logger.Error("Maintenance of the database failed; it is tried again at its next turn", zap.Error(err))
		})
	})
	s.running.Go(func() { s.guard.Run(ctx) })
	s.running.Go(func() { s.writeNotes(ctx) })
	if s.server != nil {
		s.running.Go(func() { s.watchServer(ctx, host) })
	}
}

// watchServer ends the collector when its Postgres has ended by itself: a collector that only refuses is worse than one
// that its supervisor starts again, which recovers.
func (s *usageStore) watchServer(ctx context.Context, host component.Host) {
	select {
	case <-ctx.Done():
	case <-s.server.Ended():
		err := fmt.Errorf("usage_store: the embedded Postgres has ended by itself (its log is in %s); start the collector again", s.server.Folder())
		s.logger.Error("Embedded Postgres ended", zap.Error(err))
		componentstatus.ReportStatus(host, componentstatus.NewFatalErrorEvent(err))
	}
}

// notesInterval is how much of the refused calls, and of the last uses of keys, a crash may lose.
const notesInterval = 10 * time.Second

func (s *usageStore) writeNotes(ctx context.Context) {
	ticker := time.NewTicker(notesInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			if err := s.flushNotes(ctx); err != nil && ctx.Err() == nil {
				s.logger.Warn("Refused calls or last uses of keys could not be written; they are kept for the next time", zap.Error(err))
			}
		}
	}
}

func (s *usageStore) flushNotes(ctx context.Context) error {
	return errors.Join(postgres.WriteRefusals(ctx, s.db, &s.refusals), postgres.WriteUses(ctx, s.db, &s.uses))
}

// Shutdown may be called without Start, after a failed one, and again.
func (s *usageStore) Shutdown(ctx context.Context) error {
	if s.stop != nil {
		s.stop()
		s.running.Wait()
		s.keys.Close()
		s.guard.Close(ctx)
		if err := s.flushNotes(ctx); err != nil {
			s.logger.Warn("The last refused calls, or uses of keys, could not be written", zap.Error(err))
		}
		s.stop = nil
	}
	if s.db != nil {
		s.db.Close()
		s.db = nil
	}
	if s.server != nil {
		err := errors.Join(s.forgetServer(), s.server.Stop())
		s.server = nil
		return err
	}
	return nil
}
