package httpapi

import (
	"fmt"
	"math"
	"math/big"
	"time"

	"github.com/disco-platform/mirrorball/internal/analytics"
)

// percent is part of whole in percent, two decimals, halves rounded up; 0.00 of nothing.
func percent(part, whole int64) Number {
	if whole == 0 {
		return "0.00"
	}
	// floor((part · 10,000) / whole + 1/2), in hundredths of a percent
	n := new(big.Int).Mul(big.NewInt(part), big.NewInt(20_000))
	n.Add(n, big.NewInt(whole))
	n.Div(n, new(big.Int).Mul(big.NewInt(2), big.NewInt(whole)))
	hundredths := n.Int64()
	return Number(fmt.Sprintf("%d.%02d", hundredths/100, hundredths%100))
}

func errorRate(c analytics.Counts) Number { return percent(c.Errors, c.Requests) }

// millis is a duration in milliseconds, to the microsecond.
func millis(d time.Duration) Number {
	us := d.Microseconds()
	return Number(fmt.Sprintf("%d.%03d", us/1000, us%1000))
}

// quantile is a quantile of response times in milliseconds. It is an estimate within 2 %, rounded to the microsecond.
func quantile(r analytics.Response, q float64) Number {
	return millis(time.Duration(math.Round(r.Latency.Quantile(q))) * time.Microsecond)
}
