package postgres

import (
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/disco-platform/mirrorball/internal/accounts"
)

// listed collects a page of rows, of which one more than the limit was asked for. scan returns each row's number.
func listed[T any](rows pgx.Rows, p accounts.Page, scan func(pgx.CollectableRow) (T, int64, error)) (accounts.Listed[T], error) {
	list := accounts.Listed[T]{Items: []T{}}
	var last int64
	_, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (struct{}, error) {
		item, seq, err := scan(row)
		if len(list.Items) == p.Limit {
			list.Next = last
			return struct{}{}, err
		}
		list.Items, last = append(list.Items, item), seq
		return struct{}{}, err
	})
	return list, err
}

// filled leaves out empty strings.
func filled(details map[string]any) map[string]any {
	for name, value := range details {
		if value == "" {
			delete(details, name)
		}
	}
	return details
}

// text is the string of a nullable column, empty for NULL.
func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// utc is the time of a nullable column, zero for NULL.
func utc(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.UTC()
}

// orNull turns the zero time into NULL.
func orNull(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
