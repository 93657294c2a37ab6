package usagepdata

import (
	"math"
	"net/netip"
	"strconv"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/disco-platform/mirrorball/internal/usage"
)

// text is a value as a storable string of at most max bytes, whatever its type.
func text(v pcommon.Value, max int) string {
	if v.Type() == pcommon.ValueTypeStr {
		return usage.Sanitize(v.Str(), max)
	}
	return usage.Sanitize(v.AsString(), max)
}

// integer reads whole numbers, also from senders whose every attribute is a string; 0 for anything else.
func integer(v pcommon.Value) int64 {
	switch v.Type() {
	case pcommon.ValueTypeInt:
		return v.Int()
	case pcommon.ValueTypeDouble:
		if d := v.Double(); d == math.Trunc(d) && math.Abs(d) < 1<<53 {
			return int64(d)
		}
	case pcommon.ValueTypeStr:
		if n, err := strconv.ParseInt(v.Str(), 10, 64); err == nil {
			return n
		}
	}
	return 0
}

// flag reads a boolean that the processor wrote; anything but the boolean true is false.
func flag(v pcommon.Value) bool { return v.Type() == pcommon.ValueTypeBool && v.Bool() }

// address reads an IP address; names and sockets give the zero Addr. Postgres's inet has no zones and tells
// ::ffff:1.2.3.4 from 1.2.3.4, so both are taken off.
func address(v pcommon.Value) netip.Addr {
	a, err := netip.ParseAddr(v.Str())
	if err != nil {
		return netip.Addr{}
	}
	return a.Unmap().WithZone("")
}

// country reads an ISO 3166-1 alpha-2 code; anything else is not known.
func country(v pcommon.Value) string {
	s := v.Str()
	if len(s) == 2 && isUpper(s[0]) && isUpper(s[1]) {
		return s
	}
	return ""
}

func isUpper(c byte) bool { return c >= 'A' && c <= 'Z' }

// micros is a timestamp floored to the microsecond. Division first: no timestamp overflows.
func micros(ts pcommon.Timestamp) time.Time { return time.UnixMicro(int64(uint64(ts) / 1000)).UTC() }
