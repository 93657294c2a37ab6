package httpapi

import "github.com/disco-platform/mirrorball/internal/analytics"

// Money is what was paid in one currency.
type Money struct {
	Currency      string `json:"currency" doc:"Code of ISO 4217." example:"EUR"`
	Count         int64  `json:"count"`
	Volume        Number `json:"volume" doc:"Sum of the amounts, exactly." example:"1249.90"`
	FeesCollected Number `json:"fees_collected" doc:"Sum of the fees, exactly." example:"12.50"`
}

// Payments are the payments of an answer.
type Payments struct {
	Count         int64   `json:"count" doc:"Payments in all currencies."`
	Volume        Number  `json:"volume" doc:"Sum of the amounts in the currency that is named, exactly." example:"1249.90"`
	FeesCollected Number  `json:"fees_collected" doc:"Sum of the fees in the currency that is named, exactly." example:"12.50"`
	Currency      *string `json:"currency" doc:"The currency with the most payments; null without payments." example:"EUR"`
	ByCurrency    []Money `json:"by_currency" nullable:"false" doc:"All currencies, most payments first."`
	Claimed       []Money `json:"claimed" nullable:"false" doc:"Payments that customers' own keys reported. They are shown and never counted."`
}

// paymentsOf takes both lists with the most payments first.
func paymentsOf(counted, claimed []analytics.Money) Payments {
	p := Payments{Volume: "0", FeesCollected: "0", ByCurrency: moneyOf(counted), Claimed: moneyOf(claimed)}
	for _, m := range counted {
		p.Count += m.Payments
	}
	if len(counted) > 0 {
		p.Currency = &counted[0].Currency
		p.Volume, p.FeesCollected = Number(counted[0].Volume), Number(counted[0].Fees)
	}
	return p
}

func moneyOf(all []analytics.Money) []Money {
	return list(all, func(m analytics.Money) Money {
		return Money{Currency: m.Currency, Count: m.Payments, Volume: Number(m.Volume), FeesCollected: Number(m.Fees)}
	})
}

// list turns each element into its JSON form. It is never null.
func list[From, To any](all []From, one func(From) To) []To {
	out := make([]To, len(all))
	for i, x := range all {
		out[i] = one(x)
	}
	return out
}
