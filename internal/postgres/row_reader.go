package postgres

import (
	"encoding/binary"
	"errors"

	"github.com/jackc/pgx/v5"
)

// rowReader takes the columns of a row apart, which are in the binary form of Postgres. After an error it reads zeroes.
type rowReader struct {
	columns [][]byte
	last    int16 // that int2 read
	err     error
}

var errNotBinary = errors.New("a column is not in the binary form that was expected")

// eachRow hands on rows in binary form.
func eachRow(rows pgx.Rows, fn func(*rowReader) error) error {
	for rows.Next() {
		if err := fn(&rowReader{columns: rows.RawValues()}); err != nil {
			rows.Close()
			return err
		}
	}
	return rows.Err()
}

func (r *rowReader) next() (column []byte) {
	if len(r.columns) == 0 {
		r.err = errNotBinary
		return nil
	}
	column, r.columns = r.columns[0], r.columns[1:]
	return column
}

func (r *rowReader) int2() int16 {
	column := r.next()
	if len(column) != 2 {
		r.err = errNotBinary
		return 0
	}
	r.last = int16(binary.BigEndian.Uint16(column))
	return r.last
}

func (r *rowReader) int4() int32 {
	column := r.next()
	if len(column) != 4 {
		r.err = errNotBinary
		return 0
	}
	return int32(binary.BigEndian.Uint32(column))
}

// array is a one-dimensional array, or NULL, which reads as an empty one.
func (r *rowReader) array() arrayReader {
	column := r.next()
	if len(column) <= arrayHeader {
		return arrayReader{row: r}
	}
	return arrayReader{row: r, rest: column[arrayHeader:]}
}

// arrayHeader: dimensions, flags, type, length, lower bound.
const arrayHeader = 20

// arrayReader reads an array from its first element to its last. Beyond the end it reads zeroes.
type arrayReader struct {
	row  *rowReader
	rest []byte
}

func (a *arrayReader) more() bool { return len(a.rest) > 0 }

func (a *arrayReader) element() []byte {
	if len(a.rest) == 0 {
		return nil
	}
	if len(a.rest) < 4 {
		return a.broken()
	}
	n := int(int32(binary.BigEndian.Uint32(a.rest)))
	a.rest = a.rest[4:]
	if n < 0 { // NULL
		return nil
	}
	if n > len(a.rest) {
		return a.broken()
	}
	element := a.rest[:n]
	a.rest = a.rest[n:]
	return element
}

func (a *arrayReader) broken() []byte {
	a.rest, a.row.err = nil, errNotBinary
	return nil
}

// int is an int2, int4 or int8.
func (a *arrayReader) int() int64 {
	switch e := a.element(); len(e) {
	case 0:
		return 0
	case 2:
		return int64(int16(binary.BigEndian.Uint16(e)))
	case 4:
		return int64(int32(binary.BigEndian.Uint32(e)))
	case 8:
		return int64(binary.BigEndian.Uint64(e))
	}
	a.broken()
	return 0
}
