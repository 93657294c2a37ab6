package postgres

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/disco-platform/mirrorball/internal/usage"
)

// Wherever the strings of events lie in memory, and however many there are, a word says what its event says, and each value has
// one word.
func TestVocabulary(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		few := make([]string, 8) // of which events share some, as they do after usagepdata.same
		for i := range few {
			few[i] = strings.Repeat("\t", i%2) + fmt.Sprint(i/2)
		}
		text := rapid.OneOf(rapid.Just(""), rapid.SampledFrom(few), rapid.Map(rapid.SampledFrom(few), strings.Clone), rapid.StringN(0, 2, 8))
		v := newVocabulary()
		places := map[term]int32{}
		for range rapid.IntRange(1, 300).Draw(t, "events") {
			e := &usage.Event{
				KeyID: rapid.SampledFrom([]string{"", "key"}).Draw(t, "key"), Method: text.Draw(t, "method"), Route: text.Draw(t, "route"),
				SDK:     usage.SDK{Name: text.Draw(t, "sdk"), Version: text.Draw(t, "version"), Language: text.Draw(t, "language")},
				Country: text.Draw(t, "country"), Operation: text.Draw(t, "operation"), Name: text.Draw(t, "name"), ServiceID: text.Draw(t, "service"),
				UserAgent: text.Draw(t, "agent"), ErrorType: text.Draw(t, "error"), Claim: usage.Claim{Email: text.Draw(t, "email"), Mismatch: rapid.Bool().Draw(t, "mismatch")},
			}
			if rapid.Bool().Draw(t, "pays") {
				e.Payment = &usage.Payment{Currency: text.Draw(t, "currency")}
			}
			r := &record{event: e}
			v.add(r)
			for d := domainEndpoint; d < domainEnd; d++ {
				n, p := r.words[d], partsOf(e, d)
				if p == (parts{}) {
					require.Equal(t, int32(d), n, "no value")
					continue
				}
				says := term{d, p.text(d)}
				require.Equal(t, says, v.all[n].term)
				if before, known := places[says]; known {
					require.Equal(t, before, n)
				}
				places[says] = n
			}
		}
		require.Len(t, v.all, int(domainEnd)+len(places))
	})
}

// More different strings than a shelf has places push each other off, and come to no harm.
func TestVocabularyOfManyValues(t *testing.T) {
	t.Parallel()
	v := newVocabulary()
	for i := range 20 * shelfSize {
		r := &record{event: &usage.Event{ServiceID: fmt.Sprint(i % (5 * shelfSize))}}
		v.add(r)
		require.Equal(t, r.event.ServiceID, v.all[r.words[domainService]].term.value)
	}
	require.Len(t, v.all, int(domainEnd)+5*shelfSize)
}

// What is written of admissions is read back, whatever was appended to it.
func TestAdmissionsAreReadBack(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		distinct := rapid.SliceOfDistinct(rapid.Custom(func(t *rapid.T) askedValue {
			return askedValue{rapid.SampledFrom(capped).Draw(t, "domain"), rapid.Int32Range(3, 40).Draw(t, "id")}
		}), func(v askedValue) askedValue { return v }).Draw(t, "values")
		cut := rapid.IntRange(0, len(distinct)).Draw(t, "cut")
		read := parse(appendFlat(appendFlat(nil, distinct[:cut]), distinct[cut:]))
		require.Len(t, read.ids, len(distinct))
		for _, v := range distinct {
			require.True(t, read.has(v.domain, v.id))
		}
	})
}
