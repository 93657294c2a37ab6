package history

import "time"

// Row is an event as the database holds it.
type Row struct {
	// ID is the sender's own name for the event.
	ID      string    `json:"id"`
	Key     string    `json:"key"`
	Vantage string    `json:"vantage,omitempty"`
	Time    time.Time `json:"time"`
	// Facts has the endpoint that the event was counted under, which may be [Options.Other].
	Facts
}

// Dimension is what a statistics row counts by.
type Dimension string

// Dimensions that are checked.
const (
	Total      Dimension = "total"    // requests
	ByEndpoint Dimension = "endpoint" // requests
	ByName     Dimension = "name"     // custom events
	ByCurrency Dimension = "currency" // payments
)

// CellID names one row of statistics.
type CellID struct {
	Key       string    `json:"key"`
	Vantage   string    `json:"vantage,omitempty"`
	Bucket    time.Time `json:"bucket"` // UTC
	Dimension Dimension `json:"dimension"`
	Value     string    `json:"value,omitempty"`
}

// Sums are the figures of a cell. Those that a dimension does not have are zero.
type Sums struct {
	Count          int64 `json:"count"`
	Errors         int64 `json:"errors,omitempty"`
	DurationMicros int64 `json:"duration_us,omitempty"`
	AmountMicros   int64 `json:"amount_micros,omitempty"`
}

// Cell is one row of statistics.
type Cell struct {
	CellID
	Sums
}

// Stored and Repeated are the outcomes of a ledger row that are no rejections.
const (
	Stored   = "stored"
	Repeated = "repeated"
)

// LedgerRow says how many records of a key had an outcome in an hour.
type LedgerRow struct {
	Key     string    `json:"key"`
	Hour    time.Time `json:"hour"` // UTC
	Outcome string    `json:"outcome"`
	Count   int64     `json:"count"`
}

// Observed is what the database holds after everything came to rest.
type Observed struct {
	Rows       []Row
	Statistics []Cell
	Ledger     []LedgerRow
}

// Database is asked for what it holds.
type Database interface {
	Observe() (Observed, error)
}

// Options say how the store was set up and what it was put through.
type Options struct {
	// BucketWidth of the statistics.
	BucketWidth time.Duration `json:"bucket_width"`
	// Other is what an endpoint may be counted under in place of its own name.
	Other string `json:"other,omitempty"`
	// Calm is true when nothing was killed or cut off between collector and database. Then the ledger counts each
	// attempt once; otherwise a commit whose answer was lost is counted again when it is repeated.
	Calm bool `json:"calm,omitempty"`
}
