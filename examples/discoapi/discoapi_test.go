package discoapi

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"
)

// Fees worked out by hand: 2.9 per cent and 0.30, half to even.
func TestFee(t *testing.T) {
	t.Parallel()
	for amount, fee := range map[string]string{
		"0.50":     "0.31",   // 0.0145 + 0.30 = 0.3145
		"12.50":    "0.66",   // 0.3625 + 0.30 = 0.6625
		"100":      "3.20",   // 2.90 + 0.30
		"5.00":     "0.44",   // 0.145 + 0.30 = 0.445, to the even 0.44
		"15.00":    "0.74",   // 0.435 + 0.30 = 0.735, to the even 0.74
		"10000.00": "290.30", // 290 + 0.30
	} {
		require.Equal(t, fee, feeOf(decimal.RequireFromString(amount)).StringFixed(2), amount)
	}
}

func TestKeepForgetsTheOldest(t *testing.T) {
	t.Parallel()
	var list []int
	for i := range 7 {
		list = keep(list, i, 3)
	}
	require.Equal(t, []int{4, 5, 6}, list)
	require.Equal(t, []int{6, 5}, newest(list, 2))
	require.Empty(t, newest([]int{}, 2))
}

func TestBadBodies(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{
		"empty":     "",
		"not JSON":  "<xml>",
		"cut off":   `{"amount":"1`,
		"a number":  `{"amount":12.5,"currency":"EUR"}`,
		"too large": `{"amount":"` + strings.Repeat("1", maxBodyBytes) + `"}`,
		"long id":   `{"amount":"1","currency":"EUR","agent_id":"` + strings.Repeat("a", 65) + `"}`,
	} {
		api := New(Config{Keys: func(string) bool { return true }}) // one for each: the rate limit is the same account's
		for _, path := range []string{"/payments", "/agents", "/services", "/collaborations"} {
			r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(body))
			r.Header.Set("Authorization", "Bearer dk_test_x")
			w := httptest.NewRecorder()
			api.ServeHTTP(w, r)
			require.Equal(t, http.StatusBadRequest, w.Code, "%s %s: %s", path, name, w.Body)
			require.Contains(t, w.Body.String(), `"code":"invalid_request"`)
		}
	}
}

func TestAccountsAreApart(t *testing.T) {
	t.Parallel()
	api := New(Config{Keys: func(string) bool { return true }})
	call := func(method, path, key, body string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(method, path, strings.NewReader(body))
		r.Header.Set("Authorization", "Bearer "+key)
		w := httptest.NewRecorder()
		api.ServeHTTP(w, r)
		return w
	}
	require.Equal(t, http.StatusCreated, call("POST", "/agents", "dk_test_a", `{"name":"buyer"}`).Code)
	require.Contains(t, call("GET", "/agents", "dk_test_a", "").Body.String(), "buyer")
	require.JSONEq(t, `{"data":[]}`, call("GET", "/agents", "dk_test_b", "").Body.String())
}
