package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
)

// column is something that is told about a T.
type column[T any] struct {
	title string
	cell  func(*T) string
	// alone columns are told of one T, and left out of lists.
	alone bool
}

// printList prints a table with a row for each item, or the items as JSON.
func printList[T any](s *session, items []T, columns []column[T]) error {
	if s.output == "json" {
		return printJSON(s.out, items)
	}
	t := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', 0)
	printRow(t, columns, func(c column[T]) string { return c.title })
	for i := range items {
		printRow(t, columns, func(c column[T]) string { return dash(c.cell(&items[i])) })
	}
	return t.Flush()
}

func printRow[T any](w io.Writer, columns []column[T], cell func(column[T]) string) {
	var cells []string
	for _, c := range columns {
		if !c.alone {
			cells = append(cells, cell(c))
		}
	}
	fmt.Fprintln(w, strings.Join(cells, "\t"))
}

// printOne prints a line for each thing that is told about the item, or the item as JSON.
func printOne[T any](s *session, item *T, columns []column[T]) error {
	if s.output == "json" {
		return printJSON(s.out, item)
	}
	t := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', 0)
	for _, c := range columns {
		fmt.Fprintf(t, "%s\t%s\n", c.title, dash(c.cell(item)))
	}
	return t.Flush()
}

// printDone prints a sentence, or what was changed as JSON.
func printDone(s *session, item any, format string, args ...any) error {
	if s.output == "json" {
		return printJSON(s.out, item)
	}
	_, err := fmt.Fprintf(s.out, format+"\n", args...)
	return err
}

func printJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// dash keeps the columns of a table apart, and keeps a value from starting a line of its own.
func dash(s string) string {
	if s == "" {
		return "-"
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, s)
}

// day and moment print times, of which there may be none.
func day(t *time.Time) string    { return formatTime(t, time.DateOnly) }
func moment(t *time.Time) string { return formatTime(t, "2006-01-02T15:04:05Z") }

func formatTime(t *time.Time, layout string) string {
	if t == nil {
		return ""
	}
	return t.UTC().Format(layout)
}

func whenSet(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// count prints a number that is 0 for none.
func count(n int64) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprint(n)
}

// viewsOf shows items as they are printed.
func viewsOf[T, V any](items []T, view func(*T) V) []V {
	views := make([]V, len(items))
	for i := range items {
		views[i] = view(&items[i])
	}
	return views
}
