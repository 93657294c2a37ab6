package traffic

import (
	"fmt"
	"math"
	"math/rand/v2"
	"net/netip"
	"strings"
	"time"
)

// User is one customer of the platform with one API key.
type User struct {
	Name           string
	Email          string
	Organization   string
	UseCase        string
	ExpectedVolume string
	Environment    string // "sandbox" or "live"

	Country  string
	Location *time.Location
	// Addresses are where the user's programs call from.
	Addresses []netip.Addr
	Currency  string

	Shape Shape
	// DailyCalls is the number of calls on a working day at the start; see [Plan.Rate].
	DailyCalls float64
	// JoinDay is the day of the demo on which the user begins.
	JoinDay int
	// Versions are the SDK versions used: the first until UpgradeDay, the second from then on.
	Versions   [2]string
	UpgradeDay int
}

// Version is the SDK version that the user runs on a day of the demo.
func (u *User) Version(day int) string {
	if day < u.UpgradeDay {
		return u.Versions[0]
	}
	return u.Versions[1]
}

// SDKVersions are the releases of the demo's SDK, oldest first.
var SDKVersions = []string{"0.9.4", "1.0.0", "1.1.0", "1.2.3", "2.0.0-beta.1"}

type organization struct {
	name, domain, useCase string
	members               int
	shape                 Shape
	places                []int // where its people sit: indices of places
}

// Invented names; ".example" is reserved by RFC 2606.
var organizations = []organization{
	{"Quillon Labs", "quillon.example", "Research agents that buy data sets", 6, Office, []int{0, 1}},
	{"Brightmeadow", "brightmeadow.example", "Shopping assistant checkout", 5, Consumer, []int{3, 11}},
	{"Tern & Field", "ternfield.example", "Agents that book freight", 4, Office, []int{4, 2}},
	{"Okavi", "okavi.example", "Marketplace payouts", 4, Batch, []int{5}},
	{"Lumenwork", "lumenwork.example", "Pay-per-task design agents", 4, Office, []int{2, 13}},
	{"Sable Harbor", "sableharbor.example", "Insurance claims agents", 3, Office, []int{9, 0}},
	{"Pixelgrove", "pixelgrove.example", "Game item trading", 4, Consumer, []int{6, 10}},
	{"Nordlicht Software", "nordlicht.example", "Invoice settlement between agents", 3, Batch, []int{2}},
	{"Aozora Works", "aozora.example", "Travel planning agents", 4, Consumer, []int{6}},
	{"Kilima Pay", "kilima.example", "Micropayments for farmers' agents", 3, Consumer, []int{12}},
	{"Cobalt Finch", "cobaltfinch.example", "Model-to-model API resale", 3, Office, []int{1, 9}},
	{"Meridian Freight", "meridianfreight.example", "Customs fee settlement", 2, Batch, []int{10, 8}},
	{"Ostara Health", "ostara.example", "Appointment agents", 2, Office, []int{8}},
	{"Vasanta Retail", "vasanta.example", "Price watching agents", 2, Consumer, []int{5, 7}},
}

var givenNames = []string{
	"Ada", "Bruno", "Chiara", "Dmitri", "Esra", "Farid", "Grace", "Hana", "Ivo", "Jun", "Katya", "Liam", "Mei",
	"Noor", "Olu", "Priya", "Quentin", "Rosa", "Sanjay", "Tove", "Uma", "Viktor", "Wanjiru", "Ximena", "Yuki", "Zoe",
}

var familyNames = []string{
	"Alder", "Banerjee", "Costa", "Dahl", "Eriksen", "Fontaine", "Goto", "Haas", "Ito", "Jansen", "Kamau", "Lindqvist",
	"Moreau", "Nakamura", "Okafor", "Pereira", "Rao", "Silva", "Tanaka", "Ueda", "Varga", "Weber", "Yilmaz", "Zhou",
}

// totalDailyCalls is what all users together do on a working day at the start of the demo; with growth and
// weekends about 130,000 calls in 60 days.
const totalDailyCalls = 2300

// Cast invents the users. The order is stable: organisation by organisation.
func Cast(seed uint64) []User {
	dice := rand.New(rand.NewPCG(seed, 0xCA57))
	var users []User
	for i := range organizations {
		for range organizations[i].members {
			users = append(users, newUser(&organizations[i], len(users), dice))
		}
	}
	shareOut(users, dice)
	return users
}

func newUser(o *organization, n int, dice *rand.Rand) User {
	given := givenNames[n%len(givenNames)]
	family := familyNames[dice.IntN(len(familyNames))]
	home := &places[o.places[dice.IntN(len(o.places))]]
	u := User{
		Name:         given + " " + family,
		Email:        fmt.Sprintf("%s.%s%d@%s", strings.ToLower(given), strings.ToLower(family), n, o.domain),
		Organization: o.name,
		UseCase:      o.useCase,
		Environment:  "live",
		Country:      home.country,
		Location:     home.location(),
		Currency:     home.currency,
		Shape:        o.shape,
	}
	if n%6 == 5 {
		u.Environment = "sandbox"
	}
	for range 1 + dice.IntN(3) {
		u.Addresses = append(u.Addresses, home.address(dice))
	}
	if dice.Float64() < 0.3 {
		u.JoinDay = dice.IntN(45)
	}
	// Most run a recent release; some upgrade while the demo runs.
	at := []int{0, 1, 1, 2, 2, 2, 3, 3, 3, 4}[dice.IntN(10)]
	u.Versions = [2]string{SDKVersions[at], SDKVersions[at]}
	if dice.Float64() < 0.4 && at+1 < len(SDKVersions)-1 {
		u.Versions[1] = SDKVersions[at+1]
		u.UpgradeDay = u.JoinDay + 5 + dice.IntN(40)
	}
	return u
}

// shareOut gives each user a size. Sizes have a long tail: the n-th largest is proportional to 1/(n+2).
func shareOut(users []User, dice *rand.Rand) {
	sum := 0.0
	for n := range users {
		sum += 1 / float64(n+2)
	}
	for n, i := range dice.Perm(len(users)) {
		u := &users[i]
		u.DailyCalls = totalDailyCalls / sum / float64(n+2)
		switch monthly := u.DailyCalls * 22; {
		case monthly < 500:
			u.ExpectedVolume = "under 500 calls a month"
		case monthly < 5000:
			u.ExpectedVolume = "500 to 5,000 calls a month"
		default:
			u.ExpectedVolume = fmt.Sprintf("about %d,000 calls a month", int(math.Round(monthly/1000)))
		}
	}
}
