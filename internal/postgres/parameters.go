package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
)

// parameters are the columns of an unnest statement.
type parameters []*array

// newParameters makes one empty array for each type of element.
func newParameters(elements ...uint32) parameters {
	p := make(parameters, len(elements))
	for i, oid := range elements {
		p[i] = &array{element: oid}
	}
	return p
}

// arrayOIDs are the types of arrays by the type of their elements (pg_type.dat).
var arrayOIDs = map[uint32]uint32{
	pgtype.Int2OID: pgtype.Int2ArrayOID, pgtype.Int4OID: pgtype.Int4ArrayOID, pgtype.Int8OID: pgtype.Int8ArrayOID,
	pgtype.TimestamptzOID: pgtype.TimestamptzArrayOID, pgtype.DateOID: pgtype.DateArrayOID,
	pgtype.NumericOID: pgtype.NumericArrayOID, pgtype.BitOID: pgtype.BitArrayOID,
}

// exec runs a statement without a result.
func (p parameters) exec(ctx context.Context, tx pgx.Tx, sql string) error {
	values := make([][]byte, len(p))
	oids := make([]uint32, len(p))
	formats := make([]int16, len(p))
	for i, a := range p {
		values[i], oids[i], formats[i] = a.encode(), arrayOIDs[a.element], pgx.BinaryFormatCode
	}
	_, err := tx.Conn().PgConn().ExecParams(ctx, sql, values, oids, formats, nil).Close()
	return err
}
