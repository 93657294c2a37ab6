package usage

import "strings"

// currencyCodes are the alphabetic codes of ISO 4217 (list one), as of 2026.
const currencyCodes = "" +
	"AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BOV BRL BSD BTN BWP " +
	"BYN BZD CAD CDF CHE CHF CHW CLF CLP CNY COP COU CRC CUC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB " +
	"EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY " +
	"KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR " +
	"MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB " +
	"RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD " +
	"TZS UAH UGX USD USN UYI UYU UYW UZS VED VES VND VUV WST XAF XAG XAU XCD XOF XPD XPF XPT YER ZAR " +
	"ZMW ZWG "

var currencies = func() map[string]struct{} {
	set := make(map[string]struct{}, 200)
	for code := range strings.FieldsSeq(currencyCodes) {
		set[code] = struct{}{}
	}
	return set
}()

// IsCurrency reports whether code is a currency of ISO 4217, in capitals.
func IsCurrency(code string) bool {
	_, ok := currencies[code]
	return ok
}
