// Package usageconv is the vocabulary of Mirrorball: the name of every attribute, header, metric and event, once.
//
// The SDK writes these names and the collector reads them, so both sides import this package and neither
// spells a name itself. Where OpenTelemetry's semantic conventions (v1.43.0) have a name, it is used as it
// stands there; names under "disco." are ours. docs/conventions.md lists all of them, and a test
// keeps it complete.
package usageconv

// Attributes of OpenTelemetry's semantic conventions that Mirrorball reads or writes.
const (
	ClientAddress = "client.address"
	ErrorType     = "error.type"
	// EventName is how records named their event before OTLP had a field for it; read, never written.
	EventName          = "event.name"
	GeoCountry         = "geo.country.iso_code"
	HTTPRequestMethod  = "http.request.method"
	HTTPResendCount    = "http.request.resend_count"
	HTTPResponseStatus = "http.response.status_code"
	HTTPRoute          = "http.route"
	LogRecordUID       = "log.record.uid"
	ServerAddress      = "server.address"
	ServiceName        = "service.name"
	ServiceVersion     = "service.version"
	TelemetryDistro    = "telemetry.distro.name"
	TelemetryDistroVer = "telemetry.distro.version"
	// URLFull is what clients send that know no template; only its path is used.
	URLFull           = "url.full"
	URLPath           = "url.path"
	URLTemplate       = "url.template"
	UserAgentOriginal = "user_agent.original"
	UserEmail         = "user.email"
	UserID            = "user.id"
)

// Attributes of our own.
const (
	// APIKeyID is the public id of a registered key ("key_…"). Only the collector writes it.
	APIKeyID = "disco.api_key.id"
	// APIKeyFingerprint is the SHA-256 of an API key in lower-case hex: the only form of a key that
	// telemetry may carry.
	APIKeyFingerprint = "disco.api_key.fingerprint"

	OrganizationID   = "disco.organization.id"
	OrganizationName = "disco.organization.name"
	// Environment is "sandbox" or "live".
	Environment = "disco.environment"

	SDKName     = "disco.sdk.name"
	SDKVersion  = "disco.sdk.version"
	SDKLanguage = "disco.sdk.language"

	// Operation is the name of an SDK operation, such as "payments.create".
	Operation = "disco.operation"
	AgentID   = "disco.agent.id"
	ServiceID = "disco.service.id"

	// PaymentAmount and PaymentFee are decimals as strings ("12.50"); see internal/usage for the bounds.
	PaymentAmount = "disco.payment.amount"
	PaymentFee    = "disco.payment.fee"
	// PaymentCurrency is an ISO 4217 code in capitals.
	PaymentCurrency = "disco.payment.currency"

	// UserMetadataPrefix precedes each key of WithUserMetadata.
	UserMetadataPrefix = "disco.user.metadata."

	// ClaimedPrefix precedes what a caller says of itself once the collector has moved it out of the
	// way of the verified value: user.email becomes disco.claimed.user.email.
	ClaimedPrefix            = "disco.claimed."
	ClaimedEmail             = "disco.claimed.user.email"
	ClaimedOrganization      = "disco.claimed.organization.name"
	ClaimedEnvironment       = "disco.claimed.environment"
	DropReason               = "disco.drop.reason"
	DropSignal               = "disco.drop.signal"
	OperationStatus          = "disco.operation.status"
	CloudEventSource         = "cloudevents.event_source"
	CloudEventID             = "cloudevents.event_id"
	CloudEventType           = "cloudevents.event_type"
	CloudEventSubject        = "cloudevents.event_subject"
	CloudEventSpecVersion    = "cloudevents.event_spec_version"
	CloudEventsReceiverScope = "github.com/disco-platform/mirrorball/receiver/usageeventsreceiver"
)

// Attributes that the api_key processor stamps for the exporter, because batching loses the context of the
// request. Whatever a sender writes under [StampPrefix] is removed before the processor writes its own.
const (
	StampPrefix = "mirrorball."
	// StampReporter is the public id of the key that the record was sent with.
	StampReporter = "mirrorball.reporter"
	// StampTrusted is true when the reporter holds the scope telemetry:write_any.
	StampTrusted = "mirrorball.trusted"
	// StampForeign is true when an untrusted reporter names another key's fingerprint.
	StampForeign = "mirrorball.foreign_key"
	// StampRecordID is the id of a log record without an id of its own, in hex: a hash of its content and its
	// ordinal in the request, taken before requests are merged into batches.
	StampRecordID = "mirrorball.record_id"
)

// HTTP headers that the SDK injects.
const (
	HeaderAuthorization = "Authorization"
	HeaderUserAgent     = "User-Agent"
	HeaderUserEmail     = "X-User-Email"
	HeaderOrganization  = "X-Organization"
	HeaderEnvironment   = "X-Disco-Environment"
	HeaderTraceparent   = "traceparent"
	EnvironmentSandbox  = "sandbox"
	EnvironmentLive     = "live"
	ScopeName           = "github.com/disco-platform/mirrorball/sdkinstrumentation"
	SDKNameGo           = "disco-sdk-go"
	SDKLanguageGo       = "go"
	DistroName          = "mirrorball-sdkinstrumentation"
)

// Custom events with a meaning of their own. Any other name is a custom event like any other.
const (
	EventPaymentCompleted = "disco.payment.completed"
	EventAgentCreated     = "disco.agent.created"
	EventServiceCreated   = "disco.service.created"
)

// Operations that create something.
const (
	OperationAgentsCreate   = "agents.create"
	OperationServicesCreate = "services.create"
)

// Metrics. Units are UCUM.
const (
	// MetricClientDuration is a histogram in seconds, MetricClientRequestSize and MetricClientResponseSize in bytes.
	MetricClientDuration     = "http.client.request.duration"
	MetricClientRequestSize  = "http.client.request.body.size"
	MetricClientResponseSize = "http.client.response.body.size"
	MetricServerDuration     = "http.server.request.duration"
	// MetricOperations counts finished operations, unit {operation}.
	MetricOperations = "disco.sdk.operations"
	// MetricDropped counts telemetry the SDK threw away, unit {item}, by disco.drop.signal and disco.drop.reason.
	MetricDropped = "disco.sdk.dropped"
)
