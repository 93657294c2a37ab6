package postgres

import (
	"context"
	"strings"
	"unicode/utf8"

	"github.com/disco-platform/mirrorball/sdkinstrumentation/usageconv"
)

// vocabulary are the distinct values of one delivery. Events share most of theirs, so that each is looked up once. A record
// names its words by their places.
type vocabulary struct {
	all     []word // the first stand for no value, one to a domain
	terms   map[term]int32
	parts   map[wordKey]int32 // of the domains whose values have several
	shelves [domainEnd]shelf
	days    int32  // that were looked at, each of one key
	turn    uint32 // counts the tallies that were added to
}

type wordKey struct {
	domain domain
	parts  parts
}

func newVocabulary() *vocabulary {
	v := &vocabulary{all: make([]word, domainEnd, 4*domainEnd), terms: map[term]int32{}, parts: map[wordKey]int32{}}
	for d := range v.all {
		v.all[d] = word{term: term{domain: domain(d)}, id: idUnknown, counted: idUnknown, storable: true}
	}
	return v
}

// word is one distinct value.
type word struct {
	term     term
	id       int32 // 0 until it is known
	storable bool
	// permitted is false while no key of the batch has room for a value that is new to the whole database.
	permitted bool
	creates   creation

	// What follows is true of the records of one key and day, or of one tally, that are looked at last.
	day     int32
	counted int32 // the id that the value is counted under
	turn    uint32
	cell    int32 // of the tally
}

// creation is what an operation, or a custom event of that name, creates.
type creation uint8

const (
	createsNothing creation = iota
	createsAgent
	createsService
)

var creations = map[term]creation{
	{domainOperation, usageconv.OperationAgentsCreate}:   createsAgent,
	{domainOperation, usageconv.OperationServicesCreate}: createsService,
	{domainEventName, usageconv.EventAgentCreated}:       createsAgent,
	{domainEventName, usageconv.EventServiceCreated}:     createsService,
}

// maxTerm bounds a value of the dictionary: the index takes at most 2.7 kB. What passed usage.Sanitize is shorter.
const maxTerm = 1024

// storable reports whether Postgres takes a value as text.
func (t term) storable() bool {
	return len(t.value) <= maxTerm && utf8.ValidString(t.value) && strings.IndexByte(t.value, 0) < 0
}

// add links a record with its words.
func (v *vocabulary) add(r *record) {
	e := r.event
	r.words = [domainEnd]int32{
		domainEndpoint:  v.joint(domainEndpoint, &parts{e.Method, e.Route}),
		domainSDK:       v.joint(domainSDK, &parts{e.SDK.Name, e.SDK.Version, e.SDK.Language}),
		domainCountry:   v.plain(domainCountry, e.Country),
		domainOperation: v.plain(domainOperation, e.Operation),
		domainEventName: v.plain(domainEventName, e.Name),
		domainService:   v.plain(domainService, e.ServiceID),
		domainCurrency:  int32(domainCurrency),
		domainUserAgent: v.plain(domainUserAgent, e.UserAgent),
		domainErrorType: v.plain(domainErrorType, e.ErrorType),
		domainClaim:     int32(domainClaim),
	}
	if e.Payment != nil {
		r.words[domainCurrency] = v.plain(domainCurrency, e.Payment.Currency)
	}
	if p := partsOf(e, domainClaim); p != (parts{}) {
		r.words[domainClaim] = v.joint(domainClaim, &p)
	}
}

// plain is the place of a value of one part.
func (v *vocabulary) plain(d domain, s string) int32 {
	if s == "" {
		return int32(d)
	}
	at := v.shelves[d].at(s)
	if !isSame(at.parts[0], s) {
		at.parts[0], at.word = s, v.word(term{d, s})
	}
	return at.word
}

// joint is the place of a value of several parts, the second of which differs most.
func (v *vocabulary) joint(d domain, p *parts) int32 {
	at := v.shelves[d].at(p[1])
	if at.word != 0 && isSame(at.parts[0], p[0]) && isSame(at.parts[1], p[1]) && isSame(at.parts[2], p[2]) {
		return at.word
	}
	at.parts, at.word = *p, v.ofParts(d, *p)
	return at.word
}

func (v *vocabulary) ofParts(d domain, p parts) int32 {
	if p == (parts{}) {
		return int32(d)
	}
	n, known := v.parts[wordKey{d, p}]
	if !known {
		n = v.word(term{d, p.text(d)})
		v.parts[wordKey{d, p}] = n
	}
	return n
}

func (v *vocabulary) word(t term) int32 {
	n, known := v.terms[t]
	if !known {
		n = int32(len(v.all))
		v.all = append(v.all, word{term: t, storable: t.storable(), creates: creations[t]})
		v.terms[t] = n
	}
	return n
}

func (v *vocabulary) storable(r *record) bool {
	for _, n := range r.words[domainEndpoint:] {
		if !v.all[n].storable {
			return false
		}
	}
	return true
}

// usedDay is the records of one key and UTC day, and their words in the order in which they come.
type usedDay struct {
	allowance
	records []*record
	words   []int32
}

// daysOf cuts sorted records into days.
func (v *vocabulary) daysOf(records []*record) []usedDay {
	var days []usedDay
	words := make([]int32, 0, len(records)) // as a rule, events have fewer words than there are events
	eachDay(records, func(key, day int32, run []*record) {
		v.days++
		begin := len(words)
		for _, r := range run {
			for _, n := range r.words[domainEndpoint:] {
				if w := &v.all[n]; w.day != v.days {
					w.day = v.days
					words = append(words, n)
				}
			}
		}
		days = append(days, usedDay{allowance{key, day}, run, words[begin:len(words):len(words)]})
	})
	return days
}

// unresolved are the terms without an id that fulfil a condition.
func (v *vocabulary) unresolved(condition func(*word) bool) []term {
	var terms []term
	for i := range v.all {
		if w := &v.all[i]; w.id == 0 && condition(w) {
			terms = append(terms, w.term)
		}
	}
	return terms
}

func (v *vocabulary) fill(ids map[term]int32) {
	for t, id := range ids {
		if n, ok := v.terms[t]; ok {
			v.all[n].id = id
		}
	}
}

// resolve gives ids to the values of sorted records. A value that is new to the whole database gets one only while a key
// that uses it has room for it on that day, so that hostile values cannot grow the dictionary without bound.
func (d *dictionary) resolve(ctx context.Context, v *vocabulary, days []usedDay, a *admissions) error {
	for i := range v.all[domainEnd:] {
		w := &v.all[int(domainEnd)+i]
		w.id, _ = d.known.GetIfPresent(w.term)
	}
	if err := d.step(ctx, v, d.find, func(w *word) bool { return w.storable }); err != nil {
		return err
	}
	if err := a.warm(ctx, d.pool, v.wanting(days)); err != nil {
		return err
	}
	v.permit(days, a)
	if err := d.step(ctx, v, d.insert, func(w *word) bool { return w.permitted && w.storable }); err != nil {
		return err
	}
	for i := range v.all {
		if w := &v.all[i]; w.id == 0 {
			w.id = idOther
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
func (v *vocabulary) wanting(days []usedDay) asked {
	wanted := asked{}
	for i := range days {
		for _, n := range days[i].words {
			if w := &v.all[n]; w.id == 0 && isCapped[w.term.domain] {
				wanted[days[i].allowance] = nil
				break
			}
		}
	}
	return wanted
}

// permit lets each key add as many new values as its allowance has room for.
func (v *vocabulary) permit(days []usedDay, a *admissions) {
	for i := range days {
		var left [domainEnd]int
		var asked [domainEnd]bool
		for _, n := range days[i].words {
			w := &v.all[n]
			d := w.term.domain
			switch {
			case w.id != 0 || w.permitted:
				continue
			case !isCapped[d]:
				w.permitted = true
				continue
			case !asked[d]:
				asked[d], left[d] = true, a.room(days[i].allowance, d)
			}
			if left[d] > 0 {
				left[d]--
				w.permitted = true
			}
		}
	}
}
