package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/disco-platform/mirrorball/internal/accounts"
)

// list reads a page of what the actor sees: statement asks for one row more than the page has. scan returns each row's number.
func list[T any](ctx context.Context, d *deed, p accounts.Page, statement string, args []any, scan func(pgx.CollectableRow) (T, int64, error)) (accounts.Listed[T], error) {
	page := accounts.Listed[T]{Items: []T{}}
	err := d.look(ctx, func() error {
		rows, err := d.Query(ctx, statement, args...)
		if err != nil {
			return err
		}
		var last int64
		_, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (struct{}, error) {
			item, seq, err := scan(row)
			if len(page.Items) == p.Limit {
				page.Next = last
				return struct{}{}, err
			}
			page.Items, last = append(page.Items, item), seq
			return struct{}{}, err
		})
		return err
	})
	return page, err
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
