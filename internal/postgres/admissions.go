package postgres

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/maypok86/otter/v2"
)

// capped are the domains in which a key may use a limited number of distinct values a day. Currencies are
// not among them: there are less than 200, and sums of money of two currencies cannot be added.
var capped = []domain{
	domainEndpoint, domainSDK, domainCountry, domainOperation, domainEventName, domainService,
	domainUserAgent, domainErrorType, domainClaim,
}

var isCapped = func() (is [domainEnd]bool) {
	for _, d := range capped {
		is[d] = true
	}
	return is
}()

// cappedTogether are those that are counted for all keys together, where they are capped once more.
var cappedTogether = []domain{domainSDK, domainCountry}

// allowance names the values of one key and UTC day.
type allowance struct{ key, day int32 }

func (at allowance) compare(o allowance) int {
	return cmp.Or(cmp.Compare(at.key, o.key), cmp.Compare(at.day, o.day))
}

func (at allowance) date() time.Time { return time.Unix(int64(at.day)*86_400, 0).UTC() }

// values are dictionary ids by domain, in one piece: a busy platform has some for each of its keys.
type values struct {
	ids  []int32           // ascending within a domain, one domain after the other
	ends [domainEnd]uint32 // where the ids of each domain end
}

func (v *values) of(d domain) []int32 {
	if v == nil {
		return nil
	}
	return v.ids[v.ends[d-1]:v.ends[d]]
}

func (v *values) has(d domain, id int32) bool {
	_, found := slices.BinarySearch(v.of(d), id)
	return found
}

func (v *values) hasAll(these []askedValue) bool {
	return !slices.ContainsFunc(these, func(t askedValue) bool { return !v.has(t.domain, t.id) })
}

func (v *values) len(d domain) int { return len(v.of(d)) }

// insert adds an id unless it is there.
func (v *values) insert(d domain, id int32) {
	place, found := slices.BinarySearch(v.of(d), id)
	if found {
		return
	}
	v.ids = slices.Insert(v.ids, int(v.ends[d-1])+place, id)
	for ; d < domainEnd; d++ {
		v.ends[d]++
	}
}

// with is a copy that has more, as far as there is room, and what of it was added.
func (v *values) with(more []askedValue, limit int) (grown *values, added []askedValue) {
	grown = &values{}
	if v != nil {
		grown.ids, grown.ends = slices.Grow(slices.Clone(v.ids), len(more)), v.ends
	}
	for _, m := range more {
		if grown.len(m.domain) < limit && !grown.has(m.domain, m.id) {
			grown.insert(m.domain, m.id)
			added = append(added, m)
		}
	}
	return grown, added
}

// admissions decide which values of a key are told apart on a day. What was admitted stays admitted, so remembered
// values may be short of what others have admitted since, but are never wrong.
type admissions struct {
	limit int
	known *otter.Cache[allowance, *values] // ids ascend; not to be changed
}

// maxAdmissionBytes bounds the memory of the cache. Forty values to a key are usual, so that 40,000 keys fit in on their day.
const maxAdmissionBytes = 16 << 20

func newAdmissions(limit int) *admissions {
	return &admissions{limit: limit, known: otter.Must(&otter.Options[allowance, *values]{
		MaximumWeight: maxAdmissionBytes,
		Weigher:       func(_ allowance, v *values) uint32 { return uint32(4*cap(v.ids)) + 240 }, // and what the cache itself takes
		Executor:      inline,
	})}
}

// admitted is what one transaction knows of allowances.
type admitted map[allowance]*values

// asked are values that are neither admitted nor refused by what is known, in the order in which they are to be admitted.
type asked map[allowance][]askedValue

type askedValue struct {
	domain domain
	id     int32
}

func (a asked) add(at allowance, v askedValue) {
	if !slices.Contains(a[at], v) {
		a[at] = append(a[at], v)
	}
}

// decision is under which values the records of a delivery are counted, before the database has agreed to it.
type decision struct {
	view   admitted
	wanted asked // what is in view and has to be written
}

// admit decides by what is known and takes for granted that there is room for what is new: [decision.keep] says whether there was.
func (a *admissions) admit(ctx context.Context, q querier, d *delivery) (*decision, error) {
	c := &decision{view: admitted{}, wanted: asked{}}
	if err := a.settle(ctx, q, c, func() asked { return a.short(c.view, d) }); err != nil {
		return nil, err
	}
	c.view.assign(d)
	return c, a.settle(ctx, q, c, func() asked { return a.shortTogether(c.view, d) })
}

// settle asks the database for what is short, without a lock, and takes in what is short still.
func (a *admissions) settle(ctx context.Context, q querier, c *decision, short func() asked) error {
	missing := short()
	if len(missing) == 0 {
		return nil
	}
	if err := c.view.read(ctx, q, missing); err != nil {
		return err
	}
	for at, more := range short() {
		c.view[at], c.wanted[at] = c.view[at].with(more, a.limit)
	}
	return nil
}

// recall looks an allowance up in what the transaction knows, and else in what is remembered.
func (a *admissions) recall(view admitted, at allowance) *values {
	v, ok := view[at]
	if !ok {
		v, _ = a.known.GetIfPresent(at)
		view[at] = v
	}
	return v
}

// short lists the values of each key and day, in their order.
func (a *admissions) short(view admitted, d *delivery) asked {
	missing := asked{}
	var list []askedValue // of all allowances, one after the other
	for i := range d.days {
		day := &d.days[i]
		known := a.recall(view, day.allowance)
		begin := len(list)
		for _, n := range day.words {
			w := &d.words.all[n]
			of := w.term.domain
			if w.id > idUnknown && isCapped[of] && known.len(of) < a.limit && !known.has(of, w.id) {
				list = append(list, askedValue{of, w.id})
			}
		}
		if len(list) > begin {
			missing[day.allowance] = list[begin:len(list):len(list)]
		}
	}
	return missing
}

// shortTogether lists what all keys together were counted under and have not been before.
func (a *admissions) shortTogether(view admitted, d *delivery) asked {
	missing := asked{}
	for i := range d.days {
		day := &d.days[i]
		everybody := d.holders[day.key].everybody
		if everybody == nobody {
			continue
		}
		at := allowance{everybody, day.day}
		own, known := view[day.allowance], a.recall(view, at)
		for _, n := range day.words {
			w := &d.words.all[n]
			of := w.term.domain
			if w.id > idUnknown && slices.Contains(cappedTogether, of) && own.has(of, w.id) && known.len(of) < a.limit && !known.has(of, w.id) {
				missing.add(at, askedValue{of, w.id})
			}
		}
	}
	return missing
}

// assign notes what each record is counted under.
func (v admitted) assign(d *delivery) {
	all := d.words.all
	for i := range d.days {
		day := &d.days[i]
		known := v[day.allowance]
		for _, n := range day.words {
			w := &all[n]
			w.counted = w.id
			if w.id > idUnknown && isCapped[w.term.domain] && !known.has(w.term.domain, w.id) {
				w.counted = idOther
			}
		}
		for _, r := range day.records {
			for i, n := range r.words {
				r.counted[i] = all[n].counted
			}
		}
	}
}

// together is what all keys together count a value of an SDK or a country under. Ids are distinct across domains.
func (v admitted) together(everybody, day, value int32) int32 {
	if value <= idUnknown {
		return value
	}
	known := v[allowance{everybody, day}]
	for _, d := range cappedTogether {
		if known.has(d, value) {
			return value
		}
	}
	return idOther
}

// remember keeps what a committed transaction knew.
func (a *admissions) remember(v admitted) {
	for at, ids := range v {
		if ids != nil {
			a.known.Set(at, ids)
		}
	}
}

// warm looks up allowances that are not remembered. What it reads is committed.
func (a *admissions) warm(ctx context.Context, q querier, wanted asked) error {
	for at := range wanted {
		if _, ok := a.known.GetIfPresent(at); ok {
			delete(wanted, at)
		}
	}
	if len(wanted) == 0 {
		return nil
	}
	view := admitted{}
	if err := view.read(ctx, q, wanted); err != nil {
		return err
	}
	a.remember(view)
	return nil
}

// room is how many more values of a domain an allowance is known to have room for, at most.
func (a *admissions) room(at allowance, d domain) int {
	known, _ := a.known.GetIfPresent(at)
	return max(a.limit-known.len(d), 0)
}
