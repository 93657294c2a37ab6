package postgres

import (
	"context"
	"slices"
	"strings"
	"unicode/utf8"
)

// vocabulary are the distinct values of one batch. Most events share theirs, so each is looked up once.
type vocabulary struct {
	all   []*word
	plain [domainEnd]map[string]*word // of the domains whose values have one part: a third of the work of hashing
	parts map[wordKey]*word           // of the others
	last  *record
}

type wordKey struct {
	domain domain
	parts  parts
}

func newVocabulary() *vocabulary {
	v := &vocabulary{parts: map[wordKey]*word{}}
	for d := range v.plain {
		v.plain[d] = map[string]*word{}
	}
	return v
}

// word is one distinct value.
type word struct {
	term term
	id   int32 // 0 until it is known
	// permitted is false while no key of the batch has room for a value that is new to the whole database.
	permitted bool
}

// maxTerm bounds a value of the dictionary: the index takes at most 2.7 kB. What passed usage.Sanitize is shorter.
const maxTerm = 1024

// storable reports whether Postgres takes a value as text.
func (w *word) storable() bool {
	v := w.term.value
	return len(v) <= maxTerm && utf8.ValidString(v) && strings.IndexByte(v, 0) < 0
}

// add links a record with its words. Records come sorted by key, so most values are those of the record before: one caller
// has one SDK and calls from one country.
func (v *vocabulary) add(r *record) {
	for d := domainEndpoint; d < domainEnd; d++ {
		p := partsOf(r.event, d)
		switch {
		case v.last != nil && p == partsOf(v.last.event, d):
			r.words[d] = v.last.words[d]
		case p != (parts{}):
			r.words[d] = v.word(d, p)
		}
	}
	v.last = r
}

func (v *vocabulary) word(d domain, p parts) *word {
	switch d {
	case domainEndpoint, domainSDK, domainClaim:
		at := wordKey{d, p}
		w := v.parts[at]
		if w == nil {
			w = v.learn(d, p)
			v.parts[at] = w
		}
		return w
	default:
		w := v.plain[d][p[0]]
		if w == nil {
			w = v.learn(d, p)
			v.plain[d][p[0]] = w
		}
		return w
	}
}

func (v *vocabulary) learn(d domain, p parts) *word {
	w := &word{term: term{d, p.text(d)}}
	v.all = append(v.all, w)
	return w
}

// unresolved are the words without an id that fulfil a condition.
func (v *vocabulary) unresolved(condition func(*word) bool) []term {
	seen := map[term]struct{}{}
	var terms []term
	for _, w := range v.all {
		if _, ok := seen[w.term]; !ok && w.id == 0 && condition(w) {
			seen[w.term] = struct{}{}
			terms = append(terms, w.term)
		}
	}
	return terms
}

func (v *vocabulary) fill(ids map[term]int32) {
	for _, w := range v.all {
		if id, ok := ids[w.term]; ok && w.id == 0 {
			w.id = id
		}
	}
}

// resolve gives ids to the values of sorted records. A value that is new to the whole database gets one only while a key
// that uses it has room for it on that day, so that hostile values cannot grow the dictionary without bound.
func (d *dictionary) resolve(ctx context.Context, v *vocabulary, records []*record, a *admissions) error {
	for _, w := range v.all {
		w.id, _ = d.known.GetIfPresent(w.term)
	}
	if err := d.step(ctx, v, d.find, (*word).storable); err != nil {
		return err
	}
	if err := a.warm(ctx, d.pool, wanting(records)); err != nil {
		return err
	}
	permit(records, a)
	if err := d.step(ctx, v, d.insert, func(w *word) bool { return w.permitted && w.storable() }); err != nil {
		return err
	}
	for _, r := range records {
		for i, w := range r.words {
			switch {
			case w == nil:
				r.ids[i] = idUnknown
			case w.id == 0:
				r.ids[i] = idOther
			default:
				r.ids[i] = w.id
			}
		}
	}
	return nil
}

func (d *dictionary) step(ctx context.Context, v *vocabulary, ask func(context.Context, []term) (map[term]int32, error), condition func(*word) bool) error {
	terms := v.unresolved(condition)
	if len(terms) == 0 {
		return nil
	}
	ids, err := ask(ctx, terms)
	if err != nil {
		return err
	}
	d.remember(ids)
	v.fill(ids)
	return nil
}

// wanting are the allowances from which a value that is new to the database would be taken.
func wanting(records []*record) asked {
	wanted := asked{}
	eachDay(records, func(key, day int32, run []*record) {
		if slices.ContainsFunc(run, (*record).isNew) {
			wanted[allowance{key, day}] = nil
		}
	})
	return wanted
}

// isNew reports whether a capped value of the record is new to the database.
func (r *record) isNew() bool {
	return slices.ContainsFunc(capped, func(d domain) bool { return r.words[d] != nil && r.words[d].id == 0 })
}

// permit lets each key add as many new values as its allowance has room for.
func permit(records []*record, a *admissions) {
	eachDay(records, func(key, day int32, run []*record) {
		for _, d := range capped {
			left := -1 // not looked up yet
			for _, r := range run {
				w := r.words[d]
				if w == nil || w.id != 0 || w.permitted {
					continue
				}
				if left < 0 {
					left = a.room(allowance{key, day}, d)
				}
				if left == 0 {
					break
				}
				left--
				w.permitted = true
			}
		}
	})
	for _, r := range records {
		if w := r.words[domainCurrency]; w != nil {
			w.permitted = true
		}
	}
}
