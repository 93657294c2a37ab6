package postgres

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"

	"github.com/jackc/pgx/v5"
)

// copyRows hands on the fields of each row of a COPY … TO STDOUT (FORMAT binary), as they arrive. A field of NULL is nil; all
// are valid until row returns.
func copyRows(ctx context.Context, tx pgx.Tx, sql string, row func(fields [][]byte) error) error {
	c := &copied{row: row}
	if _, err := tx.Conn().PgConn().CopyTo(ctx, c, sql); err != nil {
		return err
	}
	return c.failed
}

// copied takes COPY's binary form apart (manual, page of COPY, "Binary Format"). Postgres sends each row in a message of its
// own, so nearly all are decoded where they lie.
type copied struct {
	row    func(fields [][]byte) error
	fields [][]byte
	rest   []byte // the beginning of a row
	begun  bool   // the header has been read
	failed error  // kept until all rows have come, because giving up on a COPY ends the connection
}

var (
	errCopyForm = errors.New("cannot read what COPY sent: it is not in the binary form")
	copyHeader  = appendCopyHeader(nil)
)

func (c *copied) Write(p []byte) (int, error) {
	data := p
	if len(c.rest) > 0 {
		c.rest = append(c.rest, p...)
		data = c.rest
	}
	for len(data) > 0 && c.failed == nil {
		n := c.next(data)
		if n == 0 {
			break
		}
		data = data[n:]
	}
	c.rest = append(c.rest[:0], data...)
	return len(p), nil
}

// next reads the header, a row or the trailer, and returns its length; 0 when it is not complete yet.
func (c *copied) next(data []byte) int {
	if !c.begun {
		if len(data) < len(copyHeader) {
			return 0
		}
		c.begun = true
		if !bytes.HasPrefix(data, copyHeader) {
			c.failed = errCopyForm
		}
		return len(copyHeader)
	}
	if len(data) < 2 {
		return 0
	}
	columns, at := int(int16(binary.BigEndian.Uint16(data))), 2
	if columns < 0 {
		return at // the trailer
	}
	c.fields = c.fields[:0]
	for range columns {
		if len(data) < at+4 {
			return 0
		}
		length := int(int32(binary.BigEndian.Uint32(data[at:])))
		at += 4
		if length < 0 {
			c.fields = append(c.fields, nil)
			continue
		}
		if len(data) < at+length {
			return 0
		}
		c.fields = append(c.fields, data[at:at+length:at+length])
		at += length
	}
	c.failed = c.row(c.fields)
	return at
}

// The parts of a row. A NULL is what the caller says.

func int2Of(field []byte) int16 { return int16(binary.BigEndian.Uint16(field)) }

func int4Of(field []byte, null int32) int32 {
	if field == nil {
		return null
	}
	return int32(binary.BigEndian.Uint32(field))
}

func int8Of(field []byte) int64 { return int64(binary.BigEndian.Uint64(field)) }

func microsOf(field []byte) int64 { return int8Of(field) + postgresEpochMicros }
