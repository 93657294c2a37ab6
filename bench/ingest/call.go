package main

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"
)

// profiles is the number of distinct kinds of customers: software and place. A customer keeps its kind.
const profiles = 100

// profile is what all calls of a customer have in common.
type profile struct {
	address    string
	country    string // what the address resolves to; for the plain rows only, the collector finds it out itself
	userAgent  string
	sdkVersion string
}

// call is one API call without its time, ids and caller.
type call struct {
	method, route, operation string
	status                   int
	took                     time.Duration
	agent, service           string
	amount, fee, currency    string
	errorType                string
}

// Networks of large access providers, by country.
var networks = []struct{ country, prefix string }{
	{"US", "73.158"}, {"US", "24.16"}, {"US", "67.160"}, {"DE", "91.10"}, {"GB", "81.129"}, {"FR", "90.12"},
	{"IN", "117.200"}, {"JP", "126.7"}, {"BR", "177.34"}, {"AU", "1.120"}, {"CA", "99.224"}, {"NL", "84.24"}, {"SE", "78.64"},
}

var sdkVersions = []string{"1.0.0", "1.1.0", "1.2.3", "1.3.0", "2.0.0"}

var runtimes = []string{"go1.24; linux/amd64", "go1.25; linux/arm64", "go1.26; linux/amd64", "go1.26; darwin/arm64"}

func makeProfile(dice *rand.Rand) profile {
	n := networks[dice.IntN(len(networks))]
	version := sdkVersions[dice.IntN(len(sdkVersions))]
	return profile{
		address:    fmt.Sprintf("%s.%d.%d", n.prefix, dice.IntN(256), 1+dice.IntN(254)),
		country:    n.country,
		userAgent:  fmt.Sprintf("disco-sdk-go/%s (%s)", version, runtimes[dice.IntN(len(runtimes))]),
		sdkVersion: version,
	}
}

// endpoints of the platform, with their share in percent.
var endpoints = []struct {
	share                    int
	method, route, operation string
}{
	{22, "POST", "/v1/payments", "payments.create"},
	{24, "GET", "/v1/payments/{id}", "payments.get"},
	{12, "GET", "/v1/payments", "payments.list"},
	{2, "POST", "/v1/payments/{id}/refunds", "payments.refund"},
	{2, "POST", "/v1/agents", "agents.create"},
	{14, "GET", "/v1/agents/{id}", "agents.get"},
	{8, "GET", "/v1/agents", "agents.list"},
	{1, "POST", "/v1/services", "services.create"},
	{9, "GET", "/v1/services", "services.list"},
	{6, "POST", "/v1/collaborations", "collaborations.start"},
}

// failures are the answers of the calls that fail.
var failures = []struct {
	status    int
	errorType string
}{{400, "400"}, {402, "402"}, {404, "404"}, {404, "404"}, {429, "429"}, {500, "500"}}

var currencies = []string{"USD", "USD", "EUR", "GBP"}

// makeCall draws a call: 4 in 100 fail, half name one of five agents, a fifth one of three services, and each payment that
// succeeds carries its amount.
func makeCall(dice *rand.Rand) call {
	var c call
	share := dice.IntN(100)
	for _, e := range endpoints {
		c.method, c.route, c.operation = e.method, e.route, e.operation
		if share -= e.share; share < 0 {
			break
		}
	}
	c.status = 200
	if c.method == "POST" {
		c.status = 201
	}
	if dice.IntN(100) < 4 {
		f := failures[dice.IntN(len(failures))]
		c.status, c.errorType = f.status, f.errorType
	}
	// Most answers take some 20 ms, one in a few hundred a second.
	c.took = time.Duration(8000*(1+dice.ExpFloat64())*(1+dice.ExpFloat64())) * time.Microsecond
	if dice.IntN(2) == 0 {
		c.agent = "agt_" + strconv.Itoa(100000+dice.IntN(5))
	}
	if dice.IntN(5) == 0 {
		c.service = "svc_" + strconv.Itoa(100000+dice.IntN(3))
	}
	if c.operation == "payments.create" && c.status < 400 {
		cents := 50 + dice.IntN(20_000)
		c.amount = fmt.Sprintf("%d.%02d", cents/100, cents%100)
		c.fee = fmt.Sprintf("0.%02d", 1+cents/400)
		c.currency = currencies[dice.IntN(len(currencies))]
	}
	return c
}
