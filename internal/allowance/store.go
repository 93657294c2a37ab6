package allowance

import (
	"context"
	"time"
)

// Store is what collectors share. Its clock, and not theirs, says which hour and which month it is, so that collectors
// whose clocks differ agree.
type Store interface {
	// Lease takes a piece of the hour's limit, of at least need requests where so many are left: more, when a
	// [PieceShare]th of what is left is more. When it fails, a piece may have been taken, which is then nobody's.
	Lease(ctx context.Context, allowance int32, need int64) (Lease, error)
	// Return gives pieces back, as far as they are of the hour that the store is in. When it fails, they may have been
	// given back.
	Return(ctx context.Context, pieces []Piece) error
	// Used counts the requests of the current month that are committed.
	Used(ctx context.Context, allowance int32) (Usage, error)
}

// PieceShare bounds what a collector holds unused. Of three collectors, two hold less than 2/128 of the limit, 1.6 %, while
// the third has to refuse. To use up a limit of 100,000 takes about 980 leases.
const PieceShare = 128

// Piece is a part of an hour's limit in one collector's hands.
type Piece struct {
	Allowance int32
	Hour      time.Time // its beginning, by the store's clock
	Requests  int64
}

// Lease answers a question for a piece.
type Lease struct {
	Piece
	// Limit is that of the hour; 0: there is no limit any more, and no piece.
	Limit int64
	// Left may still be leased, by anybody.
	Left int64
	Now  time.Time // by the store's clock, when the question was answered
}

// Usage is what the keys of an allowance have used up together in a month.
type Usage struct {
	Month    time.Time // its beginning, by the store's clock
	Requests int64
	Now      time.Time
}
