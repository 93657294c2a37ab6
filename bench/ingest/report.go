package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"text/tabwriter"
)

// row is a line of the report. must and aim are nil for figures that stand there to explain others.
type row struct {
	name, what, unit string
	must, aim        *float64
	less             bool // whether less is better
}

// figure is what a row came to.
type figure struct {
	row
	samples []float64 // none: not measured
}

func (f *figure) value() *float64 {
	if len(f.samples) == 0 {
		return nil
	}
	m := median(f.samples)
	return &m
}

// verdict compares a figure with what was asked for.
func (f *figure) verdict() string {
	v := f.value()
	switch {
	case f.must == nil:
		return ""
	case v == nil:
		return "not measured"
	case f.reaches(*v, *f.aim):
		return "reaches the aim"
	case f.reaches(*v, *f.must):
		return "good enough"
	}
	return "falls short"
}

func (f *figure) reaches(v, bound float64) bool {
	if f.less {
		return v <= bound
	}
	return v >= bound
}

// report gathers figures in the order of rows.
type report struct{ figures []figure }

func newReport() *report {
	r := &report{}
	for _, row := range rows {
		r.figures = append(r.figures, figure{row: row})
	}
	return r
}

func (r *report) figure(name string) *figure {
	i := slices.IndexFunc(r.figures, func(f figure) bool { return f.name == name })
	if i < 0 {
		panic("no row " + name)
	}
	return &r.figures[i]
}

func (r *report) add(name string, samples ...float64) {
	f := r.figure(name)
	f.samples = append(f.samples, samples...)
}

// print writes the table: the figures that something is asked of first.
func (r *report) print(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 1, ' ', 0)
	fmt.Fprint(t, "| what\t| must reach\t| aim for\t| measured\t| \t|\n")
	fmt.Fprint(t, "|---\t|---\t|---\t|---\t|---\t|\n")
	for _, f := range r.figures {
		fmt.Fprintf(t, "| %s\t| %s\t| %s\t| %s\t| %s\t|\n", f.what, f.bound(f.must), f.bound(f.aim), f.measured(), f.verdict())
	}
	return t.Flush()
}

func (f *figure) bound(b *float64) string {
	if b == nil {
		return ""
	}
	return text(*b, f.unit)
}

// measured is the median, and the range when there is one.
func (f *figure) measured() string {
	v := f.value()
	if v == nil {
		return "-"
	}
	s := text(*v, f.unit)
	if lowest, highest := slices.Min(f.samples), slices.Max(f.samples); lowest != highest {
		s += fmt.Sprintf(" (%s to %s)", significant(lowest), significant(highest))
	}
	return s
}

func text(v float64, unit string) string {
	if unit == "ratio" {
		return significant(v)
	}
	return significant(v) + " " + unit
}

// significant keeps three digits, more would be noise, and all before the point.
func significant(v float64) string {
	if v >= 100 {
		return strconv.FormatFloat(v, 'f', 0, 64)
	}
	return strconv.FormatFloat(v, 'g', 3, 64)
}

// save writes the figures as JSON, one to a line. What was not measured has the value null.
func (r *report) save(path string) error {
	type entry struct {
		Name  string   `json:"name"`
		Value *float64 `json:"value"`
		Must  *float64 `json:"must"`
		Aim   *float64 `json:"aim"`
		Unit  string   `json:"unit"`
	}
	text := []byte("[\n")
	for i, f := range r.figures {
		line, err := json.Marshal(entry{f.name, f.value(), f.must, f.aim, f.unit})
		if err != nil {
			return fmt.Errorf("cannot write figure %s: %w", f.name, err) // not a number
		}
		text = append(append(text, "  "...), line...)
		if i < len(r.figures)-1 {
			text = append(text, ',')
		}
		text = append(text, '\n')
	}
	if err := os.WriteFile(path, append(text, "]\n"...), 0o644); err != nil {
		return fmt.Errorf("cannot keep the results: %w", err)
	}
	return nil
}

// median of at least one sample.
func median(samples []float64) float64 {
	s := slices.Sorted(slices.Values(samples))
	if n := len(s); n%2 == 0 {
		return (s[n/2-1] + s[n/2]) / 2
	}
	return s[len(s)/2]
}
