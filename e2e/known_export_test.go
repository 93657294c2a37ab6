package e2e

import (
	"encoding/csv"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// download asks for a file and checks what a browser is told of it.
func (k *known) download(t *testing.T, query, key, contentType, name string) string {
	t.Helper()
	resp, body := k.c.exchange(http.MethodGet, "/analytics/export?"+k.days()+query, key, nil)
	require.Equalf(t, http.StatusOK, resp.StatusCode, "%s", body)
	require.Equal(t, contentType, resp.Header.Get("Content-Type"))
	require.Equal(t, `attachment; filename="usage_`+k.names["day0"]+"_"+k.names["day2"]+name+`"`, resp.Header.Get("Content-Disposition"))
	return string(body)
}

// As JSON an export is the answer of /analytics/usage.
func (k *known) exportJSON(t *testing.T) {
	for _, f := range []struct {
		query, key, subject, text string
		calls                     []call
	}{
		{"", k.ada.Key, `{"user_id": "$ada", "environment": "live"}`, adasUsage, k.adasCalls()},
		{"&format=json", k.ada.Key, `{"user_id": "$ada", "environment": "live"}`, adasUsage, k.adasCalls()},
		{"&organization_id=" + k.ada.OrganizationID, k.admin, `{"organization_id": "$ada_org", "environment": "live"}`, adasUsage, k.adasCalls()},
		{"&key_id=" + k.adaSecond.KeyID, k.admin, `{"key_id": "$ada_second_key", "environment": "live"}`, adasSecondUsage, []call{{k.at(0, "11h"), false}}},
	} {
		parts, _ := k.cut(t, f.calls, k.at(0, "0h"), k.at(2, "0h"), "daily", "UTC")
		parts["subject"] = expected(t, k.names, f.subject)
		k.expect(t, "GET /analytics/export", readJSON(t, k.download(t, f.query, f.key, "application/json", ".json")), f.text, parts)
	}
}

// adasTables are her usage as tables, with $names as in answers.
var adasTables = map[string]string{
	"time_series": `period,start,end,requests,errors,error_rate
$day0,${day0}T00:00:00Z,${day1}T00:00:00Z,5,2,40.00
$day1,${day1}T00:00:00Z,${day2}T00:00:00Z,4,1,25.00
$day2,${day2}T00:00:00Z,${day3}T00:00:00Z,0,0,0.00
`,
	"endpoints": `method,endpoint,count,error_count,error_rate,avg_response_time_ms,p50_ms,p95_ms,p99_ms
POST,/payments,5,1,20.00,88.000,100,120,120
GET,/payments/{id},3,2,66.67,107.000,20,300,300
POST,/agents,1,0,0.00,60.000,60,60,60
`,
	"payments": `currency,count,volume,fees_collected
EUR,3,22.85,0.45
USD,1,100.00,1.00
`,
	"sdk_versions": `name,version,language,count,error_count,error_rate
disco-sdk-go,1.1.0,go,6,2,33.33
disco-sdk-go,1.0.0,go,3,1,33.33
`,
	"countries": `country,count,error_count,error_rate
GB,6,2,33.33
US,3,1,33.33
`,
	"operations": `operation,count,error_count,error_rate
payments.create,5,1,20.00
agents.create,1,0,0.00
`,
	"services": `service_id,count,error_count,error_rate,payments
s1,2,0,0.00,2
`,
	"features": `event,count
agent_collaboration_started,2
disco.agent.created,1
disco.payment.completed,1
`,
}

// Every table there is, to the letter; without a name it is the time series.
func (k *known) exportCSV(t *testing.T) {
	var documented []string
	for _, p := range k.document(t).Paths["/analytics/export"]["get"].Parameters {
		if p.Name == "table" {
			documented = p.Schema.Enum
		}
	}
	require.ElementsMatch(t, documented, slices.Collect(maps.Keys(adasTables)))
	for table, text := range adasTables {
		k.equalTable(t, k.ada.Key, table, text)
	}
	text := k.download(t, "&format=csv", k.ada.Key, contentTypeCSV, "_time_series.csv")
	require.Equal(t, k.csv(t, adasTables["time_series"]), text)
}

// Whatever a caller may name, a spreadsheet must not take for a formula: it gets an apostrophe. Quotes are doubled as in
// RFC 4180.
func (k *known) exportOfFormulas(t *testing.T) {
	for table, text := range map[string]string{
		"endpoints": `method,endpoint,count,error_count,error_rate,avg_response_time_ms,p50_ms,p95_ms,p99_ms
GET,'+route,1,0,0.00,50.000,50,50,50
`,
		"sdk_versions": `name,version,language,count,error_count,error_rate
'=sdk,'+1,'-go,1,0,0.00
`,
		"countries": `country,count,error_count,error_rate
,1,0,0.00
`,
		"operations": `operation,count,error_count,error_rate
'@SUM(1+1),1,0,0.00
`,
		"services": `service_id,count,error_count,error_rate,payments
'-1+2,1,0,0.00,0
`,
		"payments": `currency,count,volume,fees_collected
`,
		"features": `event,count
"'=HYPERLINK(""http://evil.example"",""click, please"")",1
`,
	} {
		k.equalTable(t, k.mallory.Key, table, text)
	}
}

const contentTypeCSV = "text/csv; charset=utf-8; header=present"

// equalTable compares a table to the letter, or cell by cell where it has estimates.
func (k *known) equalTable(t *testing.T, key, table, text string) {
	t.Helper()
	want := k.csv(t, text)
	got := k.download(t, "&format=csv&table="+table, key, contentTypeCSV, "_"+table+".csv")
	if !strings.Contains(want, "p50_ms") {
		require.Equal(t, want, got, table)
		return
	}
	equalAnswer(t, rows(t, want), rows(t, got))
}

// csv fills in names and ends lines as RFC 4180 does.
func (k *known) csv(t *testing.T, text string) string {
	t.Helper()
	return strings.ReplaceAll(fillIn(t, k.names, text), "\n", "\r\n")
}

// rows are the lines of a table, each cell under the name of its column.
func rows(t *testing.T, text string) []any {
	t.Helper()
	lines, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	require.NoError(t, err)
	all := []any{strings.Join(lines[0], ",")}
	for _, line := range lines[1:] {
		row := map[string]any{}
		for i, column := range lines[0] {
			row[column] = line[i]
		}
		all = append(all, row)
	}
	return all
}
