package allowance

import (
	"context"
	"time"
)

// Store is what collectors share. Its clock, and not theirs, says which hour and which month it is, so that collectors
// whose clocks differ agree.
type Store interface {
	// Lease gives back what is still in hand, if it is of the hour that the store is in, and takes a piece of that hour's
	// limit, of at least need where so much is left. A piece is at most a [PieceShare]th of what is left, or need, or 1.
	// When it fails, what was in hand may or may not have been given back, and a piece may have been taken.
	Lease(ctx context.Context, back Piece, need int64) (Lease, error)
	// Return gives pieces back, those of the hour that the store is in.
	Return(ctx context.Context, pieces []Piece) error
	// Used counts the requests of the current month that are committed.
	Used(ctx context.Context, allowance int32) (Usage, error)
}

// PieceShare bounds what is in hand without being used: with three collectors, what two of them hold while the third has to
// refuse is less than 2/128 of the limit, 1.6 %. To use up a limit of 100,000 takes about 980 leases.
const PieceShare = 128

// Piece is a part of an hour's limit in one collector's hands.
type Piece struct {
	Allowance int32
	Hour      time.Time // its beginning; zero in a piece of nothing
	Requests  int64
}

// Lease is the answer to a question for a piece.
type Lease struct {
	// Limit is that of the hour; 0: there is no limit any more.
	Limit int64
	// Hour begins at Piece.Hour, which is of the store's clock, as is Now.
	Piece
	Now time.Time
	// Left may still be leased, by anybody.
	Left int64
}

// Usage is what the keys of an allowance have used up together in a month.
type Usage struct {
	Month    time.Time // its beginning, of the store's clock, as is Now
	Now      time.Time
	Requests int64
}
