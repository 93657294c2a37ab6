package postgresusageexporter

import (
	"sync/atomic"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.uber.org/zap"
)

// health tells the collector and its log when the store goes away and when it is back; nothing in between, however
// many batches fail.
type health struct {
	host   component.Host
	logger *zap.Logger
	isAway atomic.Bool
}

func (h *health) away(cause error) {
	if h.isAway.CompareAndSwap(false, true) {
		h.logger.Warn("Usage cannot be stored; senders are asked to come back", zap.Error(cause))
		componentstatus.ReportStatus(h.host, componentstatus.NewRecoverableErrorEvent(errAway))
	}
}

func (h *health) back() {
	if h.isAway.CompareAndSwap(true, false) {
		h.logger.Info("Usage can be stored again")
		componentstatus.ReportStatus(h.host, componentstatus.NewEvent(componentstatus.StatusOK))
	}
}
