package httpapi

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"

	"github.com/disco-platform/mirrorball/internal/accounts"
	"github.com/disco-platform/mirrorball/internal/analytics"
)

// PageParams say which part of a list is asked for.
type PageParams struct {
	Limit  string `query:"limit" pattern:"^[0-9]+$" doc:"How many rows the answer has at most, 1 to 200; 50 if not given." example:"50"`
	Cursor string `query:"cursor" doc:"next_cursor of the part before, with the same other parameters; the first part if not given."`
}

const (
	defaultLimit = 50
	maxLimit     = 200
	sealLength   = 16 // bytes of HMAC-SHA-256
)

// page reads the parameters. A cursor belongs to one list: the operation and what narrows it down.
func (a *api) page(p PageParams, list ...string) (accounts.Page, error) {
	page := accounts.Page{Limit: defaultLimit}
	if p.Limit != "" {
		n, err := strconv.Atoi(p.Limit)
		if err != nil || n < 1 || n > maxLimit {
			return page, &analytics.ParameterError{Parameter: "limit", Message: fmt.Sprintf("must be a number from 1 to %d", maxLimit)}
		}
		page.Limit = n
	}
	if p.Cursor == "" {
		return page, nil
	}
	data, err := base64.RawURLEncoding.DecodeString(p.Cursor)
	// Of the many texts that stand for the same bytes (base64 skips line breaks) one is a cursor.
	if err != nil || base64.RawURLEncoding.EncodeToString(data) != p.Cursor || len(data) != 8+sealLength || !hmac.Equal(data[8:], a.seal(data[:8], list)) {
		return page, &analytics.ParameterError{Parameter: "cursor", Message: "is not a next_cursor of this list, or other parameters were changed with it; start without one"}
	}
	page.After = int64(binary.BigEndian.Uint64(data))
	return page, nil
}

// cursor is where a list goes on; empty at its end.
func (a *api) cursor(next int64, list ...string) string {
	if next == 0 {
		return ""
	}
	data := binary.BigEndian.AppendUint64(nil, uint64(next))
	return base64.RawURLEncoding.EncodeToString(append(data, a.seal(data, list)...))
}

// seal keeps numbers of rows from being guessed: a cursor that was altered is no cursor.
func (a *api) seal(data []byte, list []string) []byte {
	mac := hmac.New(sha256.New, a.CursorKey)
	mac.Write(data)
	mac.Write([]byte(strings.Join(list, "\x00")))
	return mac.Sum(nil)[:sealLength]
}
