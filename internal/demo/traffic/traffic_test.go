package traffic

import (
	"testing"
	"time"

	"github.com/phuslu/iploc"
	"github.com/stretchr/testify/require"
)

// A Monday.
var start = time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)

func TestCastIsLargeAndVaried(t *testing.T) {
	t.Parallel()
	users := Cast(1)
	require.Equal(t, users, Cast(1))
	require.NotEqual(t, users, Cast(2))

	organizations, countries, versions, currencies, emails := map[string]bool{}, map[string]bool{}, map[string]bool{}, map[string]bool{}, map[string]bool{}
	sandbox := 0
	for _, u := range users {
		organizations[u.Organization] = true
		countries[u.Country] = true
		versions[u.Versions[0]] = true
		currencies[u.Currency] = true
		emails[u.Email] = true
		if u.Environment == "sandbox" {
			sandbox++
		}
		for _, a := range u.Addresses {
			require.Equal(t, u.Country, string(iploc.IPCountry(a)), "%s", a)
		}
	}
	require.GreaterOrEqual(t, len(users), 40)
	require.Len(t, emails, len(users))
	require.GreaterOrEqual(t, len(organizations), 12)
	require.GreaterOrEqual(t, len(countries), 10)
	require.Len(t, versions, 5)
	require.Len(t, currencies, 3)
	require.InDelta(t, len(users)/6, sandbox, 2)
}

func TestWeightsAreThousandths(t *testing.T) {
	t.Parallel()
	sum := 0
	for _, w := range weights {
		sum += w
	}
	require.Equal(t, 1000, sum)
}

func TestPlanIsTheSameHoweverItIsAskedFor(t *testing.T) {
	t.Parallel()
	p := NewPlan(7, start)
	whole := p.Between(start, start.Add(48*time.Hour))
	require.NotEmpty(t, whole)
	require.Equal(t, whole, NewPlan(7, start).Between(start, start.Add(48*time.Hour)))

	cut := whole[len(whole)/2].At // in the middle of an hour, at a call
	parts := append(p.Between(start, cut), p.Between(cut, start.Add(48*time.Hour))...)
	require.Equal(t, whole, parts)
	for i := range whole[1:] {
		require.False(t, whole[i+1].At.Before(whole[i].At), "call %d is out of order", i+1)
	}
}

func TestSixtyDaysAreAboutAHundredAndThirtyThousandCalls(t *testing.T) {
	t.Parallel()
	calls := NewPlan(1, start).Between(start, start.Add(60*24*time.Hour))
	require.Greater(t, len(calls), 100_000)
	require.Less(t, len(calls), 150_000)

	byUser := map[int]int{}
	for _, c := range calls {
		byUser[c.User]++
	}
	most, least := 0, len(calls)
	for _, n := range byUser {
		most, least = max(most, n), min(least, n)
	}
	require.Greater(t, most, 10*least, "sizes have a long tail")
}

func TestWeekendsAndNightsAreQuiet(t *testing.T) {
	t.Parallel()
	p := NewPlan(1, start)
	weekday, weekend, night, day := 0, 0, 0, 0
	for _, c := range p.Between(start, start.Add(28*24*time.Hour)) {
		if u := p.Users[c.User]; u.Shape == Office {
			local := c.At.In(u.Location)
			if local.Weekday() == time.Saturday || local.Weekday() == time.Sunday {
				weekend++
			} else {
				weekday++
			}
			switch local.Hour() {
			case 1, 2, 3, 4:
				night++
			case 9, 10, 14, 15:
				day++
			}
		}
	}
	require.Greater(t, weekday/5, 4*weekend/2, "a weekday has more than four times a weekend day's calls")
	require.Greater(t, day, 10*night)
}

func TestUsersBeginAndUpgrade(t *testing.T) {
	t.Parallel()
	p := NewPlan(1, start)
	late, upgraded := 0, 0
	first := map[int]int{}
	for _, c := range p.Between(start, start.Add(60*24*time.Hour)) {
		if _, seen := first[c.User]; !seen {
			first[c.User] = p.Day(c.At)
		}
	}
	for i := range p.Users {
		u := &p.Users[i]
		require.GreaterOrEqual(t, first[i], u.JoinDay, u.Email)
		if u.JoinDay > 0 {
			late++
		}
		if u.Version(0) != u.Version(60) {
			upgraded++
		}
	}
	require.Positive(t, late)
	require.Positive(t, upgraded)
}
