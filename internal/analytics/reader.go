package analytics

// Reader answers questions about usage.
type Reader interface {
}
