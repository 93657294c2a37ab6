package e2e

// adasUsage is what Ada's live keys did, but for whose usage it is and how it is cut into periods.
//
// Response times:
//
//	POST /payments       40 80 100 100 120   (40 + 80 + 100 + 100 + 120) / 5 = 88
//	GET  /payments/{id}  1 20 300            (1 + 20 + 300) / 3 = 107
//
// A quantile q of n values is the ⌈q·n⌉th.
const adasUsage = `{
	"overview": ` + adasOverview + `,
	"payments": ` + adasPayments + `,
	"top_endpoints": [
		{"method": "POST", "endpoint": "/payments", "count": 5, "error_count": 1, "error_rate": 20.00,
		 "avg_response_time_ms": 88.000, "p50_ms": 100, "p95_ms": 120, "p99_ms": 120},
		{"method": "GET", "endpoint": "/payments/{id}", "count": 3, "error_count": 2, "error_rate": 66.67,
		 "avg_response_time_ms": 107.000, "p50_ms": 20, "p95_ms": 300, "p99_ms": 300},
		{"method": "POST", "endpoint": "/agents", "count": 1, "error_count": 0, "error_rate": 0.00,
		 "avg_response_time_ms": 60.000, "p50_ms": 60, "p95_ms": 60, "p99_ms": 60}
	],
	"sdk_versions": [
		{"name": "disco-sdk-go", "version": "1.1.0", "language": "go", "count": 6, "error_count": 2, "error_rate": 33.33, "share": 66.67},
		{"name": "disco-sdk-go", "version": "1.0.0", "language": "go", "count": 3, "error_count": 1, "error_rate": 33.33, "share": 33.33}
	],
	"countries": [
		{"country": "GB", "count": 6, "error_count": 2, "error_rate": 33.33},
		{"country": "US", "count": 3, "error_count": 1, "error_rate": 33.33}
	],
	"operations": [
		{"operation": "payments.create", "count": 5, "error_count": 1, "error_rate": 20.00},
		{"operation": "agents.create", "count": 1, "error_count": 0, "error_rate": 0.00}
	],
	"services": [
		{"service_id": "s1", "count": 2, "error_count": 0, "error_rate": 0.00, "payments": 2}
	],
	"features": [
		{"event": "agent_collaboration_started", "count": 2},
		{"event": "disco.agent.created", "count": 1},
		{"event": "disco.payment.completed", "count": 1}
	]
}`

// Agents: a1, a2, a3 on requests, a4 and a5 in events. Two were created, by POST /agents and by the event.
const adasOverview = `{
	"total_requests": 9,
	"error_count": 3,
	"error_rate": 33.33,
	"unique_agents": 5,
	"agents_created": 2,
	"services_created": 0
}`

// EUR: 12.50 + 7.25 + 3.10, fees 0.25 + 0.15 + 0.05. What Ada's own program says was paid is shown, and counts for nothing.
const adasPayments = `{
	"count": 4,
	"volume": 22.85,
	"fees_collected": 0.45,
	"currency": "EUR",
	"by_currency": [
		{"currency": "EUR", "count": 3, "volume": 22.85, "fees_collected": 0.45},
		{"currency": "USD", "count": 1, "volume": 100.00, "fees_collected": 1.00}
	],
	"claimed": [
		{"currency": "EUR", "count": 1, "volume": 1000000, "fees_collected": 0}
	]
}`

const noPayments = `{"count": 0, "volume": 0, "fees_collected": 0, "currency": null, "by_currency": [], "claimed": []}`

// adasSecondUsage is what Ada called with her second key.
const adasSecondUsage = `{
	"overview": {"total_requests": 1, "error_count": 0, "error_rate": 0.00, "unique_agents": 1, "agents_created": 0, "services_created": 0},
	"payments": ` + noPayments + `,
	"top_endpoints": [
		{"method": "GET", "endpoint": "/payments/{id}", "count": 1, "error_count": 0, "error_rate": 0.00, "avg_response_time_ms": 20.000, "p50_ms": 20, "p95_ms": 20, "p99_ms": 20}
	],
	"sdk_versions": [{"name": "disco-sdk-go", "version": "1.1.0", "language": "go", "count": 1, "error_count": 0, "error_rate": 0.00, "share": 100.00}],
	"countries": [{"country": "GB", "count": 1, "error_count": 0, "error_rate": 0.00}],
	"operations": [], "services": [], "features": []
}`

// everybodysUsage is that of Ada (9 requests), Grace (3), Mallory (1) and Eve (an event).
const everybodysUsage = `{
	"overview": {"total_requests": 13, "error_count": 3, "error_rate": 23.08, "unique_agents": 5, "agents_created": 2, "services_created": 1},
	"payments": ` + everybodysPayments + `,
	"top_endpoints": [
		{"method": "POST", "endpoint": "/payments", "count": 5, "error_count": 1, "error_rate": 20.00, "avg_response_time_ms": 88.000, "p50_ms": 100, "p95_ms": 120, "p99_ms": 120},
		{"method": "GET", "endpoint": "/payments/{id}", "count": 3, "error_count": 2, "error_rate": 66.67, "avg_response_time_ms": 107.000, "p50_ms": 20, "p95_ms": 300, "p99_ms": 300},
		{"method": "GET", "endpoint": "/services", "count": 2, "error_count": 0, "error_rate": 0.00, "avg_response_time_ms": 10.000, "p50_ms": 10, "p95_ms": 10, "p99_ms": 10},
		{"method": "GET", "endpoint": "+route", "count": 1, "error_count": 0, "error_rate": 0.00, "avg_response_time_ms": 50.000, "p50_ms": 50, "p95_ms": 50, "p99_ms": 50},
		{"method": "POST", "endpoint": "/agents", "count": 1, "error_count": 0, "error_rate": 0.00, "avg_response_time_ms": 60.000, "p50_ms": 60, "p95_ms": 60, "p99_ms": 60},
		{"method": "POST", "endpoint": "/services", "count": 1, "error_count": 0, "error_rate": 0.00, "avg_response_time_ms": 30.000, "p50_ms": 30, "p95_ms": 30, "p99_ms": 30}
	],
	"sdk_versions": ` + everybodysSDKs + `,
	"countries": ` + everybodysCountries + `,
	"operations": [
		{"operation": "payments.create", "count": 5, "error_count": 1, "error_rate": 20.00},
		{"operation": "@SUM(1+1)", "count": 1, "error_count": 0, "error_rate": 0.00},
		{"operation": "agents.create", "count": 1, "error_count": 0, "error_rate": 0.00},
		{"operation": "services.create", "count": 1, "error_count": 0, "error_rate": 0.00}
	],
	"services": [
		{"service_id": "s1", "count": 2, "error_count": 0, "error_rate": 0.00, "payments": 2},
		{"service_id": "-1+2", "count": 1, "error_count": 0, "error_rate": 0.00, "payments": 0},
		{"service_id": "s9", "count": 1, "error_count": 0, "error_rate": 0.00, "payments": 0}
	],
	"features": [
		{"event": "agent_collaboration_started", "count": 2},
		{"event": "disco.payment.completed", "count": 2},
		{"event": "=HYPERLINK(\"http://evil.example\",\"click, please\")", "count": 1},
		{"event": "dashboard_opened", "count": 1},
		{"event": "disco.agent.created", "count": 1}
	]
}`

// Ada's, and Grace's 50.5 USD with a fee of 0.505. A sum has as many decimals as its finest part.
const everybodysPayments = `{
	"count": 5,
	"volume": 22.85,
	"fees_collected": 0.45,
	"currency": "EUR",
	"by_currency": [
		{"currency": "EUR", "count": 3, "volume": 22.85, "fees_collected": 0.45},
		{"currency": "USD", "count": 2, "volume": 150.50, "fees_collected": 1.505}
	],
	"claimed": [
		{"currency": "EUR", "count": 1, "volume": 1000000, "fees_collected": 0}
	]
}`

const everybodysSDKs = `[
	{"name": "disco-sdk-go", "version": "1.0.0", "language": "go", "count": 6, "error_count": 1, "error_rate": 16.67, "share": 46.15},
	{"name": "disco-sdk-go", "version": "1.1.0", "language": "go", "count": 6, "error_count": 2, "error_rate": 33.33, "share": 46.15},
	{"name": "=sdk", "version": "+1", "language": "-go", "count": 1, "error_count": 0, "error_rate": 0.00, "share": 7.69}
]`

const everybodysCountries = `[
	{"country": "GB", "count": 6, "error_count": 2, "error_rate": 33.33},
	{"country": "US", "count": 6, "error_count": 1, "error_rate": 16.67},
	{"country": "", "count": 1, "error_count": 0, "error_rate": 0.00}
]`
