package usagepdata

import (
	"math"
	"net/netip"
	"strconv"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/disco-platform/mirrorball/internal/usage"
)

// value is the value of an attribute, wherever it is read from. It is handed on by its address: to copy its seven words at each step took
// a tenth of the time of reading a span.
type value struct {
	kind pcommon.ValueType
	text string        // of a string
	bits uint64        // of an integer; of a double, as IEEE 754 has it; 1 for true
	rest pcommon.Value // an array, a map or bytes

	storable bool // text is known to be what usage.Sanitize leaves as it is, but for its length
}

func valueOf(v pcommon.Value) value {
	switch kind := v.Type(); kind {
	case pcommon.ValueTypeStr:
		return value{kind: kind, text: v.Str()}
	case pcommon.ValueTypeInt:
		return value{kind: kind, bits: uint64(v.Int())}
	case pcommon.ValueTypeDouble:
		return value{kind: kind, bits: math.Float64bits(v.Double())}
	case pcommon.ValueTypeBool:
		if v.Bool() {
			return value{kind: kind, bits: 1}
		}
		return value{kind: kind}
	default:
		return value{kind: kind, rest: v}
	}
}

func (v *value) int() int64      { return int64(v.bits) }
func (v *value) double() float64 { return math.Float64frombits(v.bits) }

// string is the value in pdata's form of text.
func (v *value) string() string {
	switch v.kind {
	case pcommon.ValueTypeEmpty:
		return ""
	case pcommon.ValueTypeStr:
		return v.text
	case pcommon.ValueTypeInt:
		return strconv.FormatInt(v.int(), 10)
	case pcommon.ValueTypeDouble:
		return pcommon.NewValueDouble(v.double()).AsString()
	case pcommon.ValueTypeBool:
		return strconv.FormatBool(v.bits != 0)
	default:
		return v.rest.AsString()
	}
}

// text is a value as a storable string of at most max bytes, whatever its type.
func text(v *value, max int) string {
	if v.storable && len(v.text) <= max {
		return v.text
	}
	return usage.Sanitize(v.string(), max)
}

// integer reads whole numbers, also from senders whose every attribute is a string; 0 for anything else.
func integer(v *value) int64 {
	switch v.kind {
	case pcommon.ValueTypeInt:
		return v.int()
	case pcommon.ValueTypeDouble:
		if d := v.double(); d == math.Trunc(d) && math.Abs(d) < 1<<53 {
			return int64(d)
		}
	case pcommon.ValueTypeStr:
		if n, err := strconv.ParseInt(v.text, 10, 64); err == nil {
			return n
		}
	}
	return 0
}

// flag reads a boolean that the processor wrote; anything but the boolean true is false.
func flag(v *value) bool { return v.kind == pcommon.ValueTypeBool && v.bits != 0 }

// address reads an IP address; names and sockets give the zero Addr. Postgres's inet has no zones and tells
// ::ffff:1.2.3.4 from 1.2.3.4, so both are taken off.
func address(v *value) netip.Addr {
	a, err := netip.ParseAddr(v.text)
	if err != nil {
		return netip.Addr{}
	}
	return a.Unmap().WithZone("")
}

// country reads an ISO 3166-1 alpha-2 code; anything else is not known.
func country(v *value) string {
	s := v.text
	if len(s) == 2 && isUpper(s[0]) && isUpper(s[1]) {
		return s
	}
	return ""
}

func isUpper(c byte) bool { return c >= 'A' && c <= 'Z' }

// micros is a timestamp floored to the microsecond. Division first: no timestamp overflows.
func micros(ts pcommon.Timestamp) time.Time { return time.UnixMicro(int64(uint64(ts) / 1000)).UTC() }
