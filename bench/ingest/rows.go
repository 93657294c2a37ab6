package main

// rows are what is measured, in the order of the report.
var rows = []row{
	atLeast(0.8, 1.2, "ingest_ratio", "spans sent, over OTLP/HTTP, to committed events and statistics; ÷ raw COPY rows/s", "ratio"),
	atLeast(0.4, 0.6, "ingest_twice_ratio", "the same when every batch is sent twice (first copies counted)", "ratio"),
	atMost(0.65, 0.45, "disk_ratio", "bytes on disk per event ÷ raw COPY's", "ratio"),
	atMost(0.65, 0.5, "wal_ratio", "WAL bytes per event ÷ raw COPY's", "ratio"),
	atLeast(0.8, 0.95, "ingest_stored_ratio", "ingest rate with 2.5 runs stored ÷ rate in the first quarter of the same round's run", "ratio"),
	atMost(1000, 300, "visible_p99", "send to visible in /analytics/usage at half load, p99", "ms"),
	atMost(256, 150, "memory_full_load", "resident memory of the collector at full load, highest", "MiB"),
	atMost(256, 150, "memory_postgres_away", "the same with Postgres away, highest", "MiB"),
	atMost(10, 3, "usage_p99", "GET /analytics/usage, last 30 days, one key, p99", "ms"),
	atMost(50, 15, "platform_p99", "GET /analytics/platform on the same data, p99", "ms"),
	atMost(500, 150, "key_verify_time", "API-key verification from the cache", "ns"),
	atMost(0, 0, "key_verify_allocations", "allocations of it", "allocs"),
	atMost(0.8, 0.4, "sdk_transport_time_ratio", "what the SDK's transport adds to a call ÷ what otelhttp's adds, time", "ratio"),
	atMost(0.8, 0.4, "sdk_transport_allocations_ratio", "the same, allocations", "ratio"),
	atMost(0.8, 0.4, "sdk_handler_time_ratio", "what the server middleware adds ÷ what otelhttp's handler adds, time", "ratio"),
	atMost(0.8, 0.4, "sdk_handler_allocations_ratio", "the same, allocations", "ratio"),

	because("raw_copy_rate", "raw COPY", "rows/s"),
	because("raw_copy_connections", "connections it did best with, of 1, 2 and 4", "connections"),
	because("raw_copy_disk", "raw COPY, table and indexes", "B/row"),
	because("raw_copy_wal", "raw COPY, WAL", "B/row"),
	because("ingest_rate", "ingest", "events/s"),
	because("ingest_twice_rate", "ingest, every batch sent twice", "events/s"),
	because("ingest_opening_rate", "ingest, first quarter of a run", "events/s"),
	because("ingest_stored_rate", "ingest with 2.5 runs stored", "events/s"),
	because("ingest_disk", "ingest, whole database", "B/event"),
	because("disk_audit_logs", "of which events", "B/event"),
	because("disk_usage_counts", "of which statistics and unique agents", "B/event"),
	because("disk_key_activity", "of which activity of keys", "B/event"),
	because("disk_admissions", "of which admitted values", "B/event"),
	because("ingest_wal", "ingest, WAL", "B/event"),
	because("request_p50", "a request of 512 spans at full load, p50", "ms"),
	because("request_p99", "the same, p99", "ms"),
	because("collector_cpu", "processor time of the collector", "s/M events"),
	because("postgres_cpu", "processor time of Postgres", "s/M events"),
	because("generator_cpu", "processor time of the load generator", "s/M events"),
	because("visible_p50", "send to visible at half load, p50", "ms"),
	because("usage_p50", "GET /analytics/usage, p50", "ms"),
	because("platform_p50", "GET /analytics/platform, p50", "ms"),
	because("verify_rate", "POST /keys/verify, 32 connections", "requests/s"),
	because("verify_p50", "the same, p50", "ms"),
	because("verify_p99", "the same, p99", "ms"),
	because("page_rate", "front page of the same server, 32 connections", "requests/s"),
	because("page_p99", "the same, p99", "ms"),
	because("verify_ratio", "POST /keys/verify ÷ front page, requests/s", "ratio"),
	because("retries_postgres_away", "requests repeated while Postgres was away", "requests"),
}

func atLeast(must, aim float64, name, what, unit string) row {
	return row{name: name, what: what, unit: unit, must: &must, aim: &aim}
}

func atMost(must, aim float64, name, what, unit string) row {
	return row{name: name, what: what, unit: unit, must: &must, aim: &aim, less: true}
}

func because(name, what, unit string) row { return row{name: name, what: what, unit: unit} }
