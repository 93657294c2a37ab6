package postgresusageexporter

import (
	"errors"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/config/configretry"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/exporter/exporterhelper"
)

// Config of the exporter.
type Config struct {
	// Store is the id of the usage_store extension that owns the database. Required.
	Store component.ID `mapstructure:"store"`

	// TimeoutConfig is how long one attempt to store a batch may take. Default 10s.
	exporterhelper.TimeoutConfig `mapstructure:",squash"`

	// RetryConfig says how long a batch that could not be stored is tried again here, before its senders are told to
	// come back. Default: 5s in all, first after 100ms, then at most 1s apart. With sending_queue::storage set,
	// max_elapsed_time has to be 0 (for ever), because nobody is left who could send again.
	RetryConfig configretry.BackOffConfig `mapstructure:"retry_on_failure"`

	// QueueConfig gathers requests into batches. By default a request waits for its batch to be committed. With
	// storage set, requests are acknowledged once they are on disk instead.
	QueueConfig configoptional.Optional[exporterhelper.QueueBatchConfig] `mapstructure:"sending_queue"`
}

var _ confmap.Validator = (*Config)(nil)

const (
	// defaultQueueBytes bounds the requests that wait for COMMIT, in bytes of memory. 64 MiB are some 90,000 spans, more
	// than 128 calls of 512 spans, which is what request_limits lets in at once.
	defaultQueueBytes = 64 << 20
	// defaultFlush is how long the first request of a batch waits for others; it is part of every sender's latency.
	defaultFlush = 20 * time.Millisecond
	// defaultMinItems and defaultMaxItems bound a batch. From some thousand rows on a transaction gets no cheaper
	// per row, and a larger one holds its locks longer.
	defaultMinItems = 8192
	defaultMaxItems = 16384
)

func createDefaultConfig() component.Config {
	retry := configretry.NewDefaultBackOffConfig()
	retry.InitialInterval = 100 * time.Millisecond
	retry.MaxInterval = time.Second
	retry.MaxElapsedTime = 5 * time.Second

	queue := exporterhelper.NewDefaultQueueConfig()
	queue.WaitForResult = true
	queue.Sizer = exporterhelper.RequestSizerTypeBytes
	queue.QueueSize = defaultQueueBytes
	queue.NumConsumers = 2
	queue.Batch = configoptional.Some(exporterhelper.BatchConfig{
		FlushTimeout: defaultFlush,
		Sizer:        exporterhelper.RequestSizerTypeItems,
		MinSize:      defaultMinItems,
		MaxSize:      defaultMaxItems,
	})

	return &Config{
		TimeoutConfig: exporterhelper.TimeoutConfig{Timeout: 10 * time.Second},
		RetryConfig:   retry,
		QueueConfig:   configoptional.Some(queue),
	}
}

// Validate refuses settings under which acknowledged usage could be lost.
func (c *Config) Validate() error {
	var errs error
	if c.Store == (component.ID{}) {
		errs = errors.Join(errs, errors.New("`store` is required: name the usage_store extension"))
	}
	if c.QueueConfig.HasValue() {
		errs = errors.Join(errs, c.validateQueue(c.QueueConfig.Get()))
	}
	return errs
}

func (c *Config) validateQueue(q *exporterhelper.QueueBatchConfig) error {
	var errs error
	refuse := func(message string) { errs = errors.Join(errs, errors.New(message)) }

	if q.BlockOnOverflow {
		refuse("`sending_queue::block_on_overflow` must be false: a full queue that blocks can deadlock when senders give up; refused senders come back by themselves")
	}
	switch {
	case q.StorageID == nil && !q.WaitForResult:
		refuse("`sending_queue::wait_for_result` must be true unless `sending_queue::storage` is set: a success would be told before anything is on disk")
	case q.StorageID != nil && q.WaitForResult:
		refuse("`sending_queue::wait_for_result` must be false when `sending_queue::storage` is set: the queue on disk acknowledges before COMMIT")
	}
	if q.StorageID != nil && (!c.RetryConfig.Enabled || c.RetryConfig.MaxElapsedTime != 0) {
		refuse("`retry_on_failure` must be enabled with `max_elapsed_time: 0` when `sending_queue::storage` is set: what is given up is lost, since its sender was told that it is safe")
	}
	if q.Batch.HasValue() {
		b := q.Batch.Get()
		if len(b.Partition.MetadataKeys) > 0 {
			refuse("`sending_queue::batch::partition::metadata_keys` must be empty: what the exporter needs is stamped on the data by the api_key processor, and each value would get a batch of its own")
		}
		if b.Sizer != exporterhelper.RequestSizerTypeItems {
			refuse("`sending_queue::batch::sizer` must be items: sized in bytes, this Collector version measures a growing batch anew for each request, and drops what stands behind an oversized record")
		}
	}
	return errs
}
