package allowance

import (
	"sync"
	"time"
)

// hands are the accounts that may have a piece in hand. An account that is forgotten meanwhile stays here until its piece
// has gone back. Its lock is taken before an account's.
type hands struct {
	mu       sync.Mutex
	accounts map[*account]struct{}
}

func (h *hands) add(a *account) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.accounts == nil {
		h.accounts = map[*account]struct{}{}
	}
	h.accounts[a] = struct{}{}
}

// takeUnused takes the pieces away that have not been used for some time.
func (h *hands) takeUnused(now, idle time.Duration) (pieces []Piece) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for a := range h.accounts {
		a.mu.Lock()
		if p := a.hour.surrender(now, idle); p.Requests > 0 {
			pieces = append(pieces, p)
		}
		if a.hour.piece.Requests == 0 {
			delete(h.accounts, a)
		}
		a.mu.Unlock()
	}
	return pieces
}
