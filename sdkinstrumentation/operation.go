package sdkinstrumentation

import (
	"context"
	"sync"
	"sync/atomic"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/disco-platform/mirrorball/sdkinstrumentation/usageconv"
)

// Operation is one use of an SDK method. Whatever HTTP attempts it takes, retries included, carry its
// name and its facts.
type Operation struct {
	in       *Instrumentation
	facts    facts
	attempts atomic.Int64
	ended    atomic.Bool
}

// OperationOption states a fact of an operation or of a request being served.
type OperationOption func(*facts)

// WithPayment states the money that the call moves: decimals such as "12.50" and an ISO 4217 code. fee may be empty.
func WithPayment(amount, currency, fee string) OperationOption {
	return func(f *facts) {
		f.amount, f.currency, f.fee = clean(amount, maxName), clean(currency, maxName), clean(fee, maxName)
	}
}

// WithAgent states the agent that acts.
func WithAgent(id string) OperationOption { return func(f *facts) { f.agent = clean(id, maxName) } }

// WithService states the service that is used.
func WithService(id string) OperationOption {
	return func(f *facts) { f.service = clean(id, maxName) }
}

// WithOperationName names the operation that a server performs, such as "payments.create". For [Annotate].
func WithOperationName(name string) OperationOption {
	return func(f *facts) { f.operation = clean(name, maxName) }
}

// WithTemplate states the route template of the call, such as "/payments/{id}".
func WithTemplate(route string) OperationOption {
	return func(f *facts) { f.template = clean(route, maxPath) }
}

// facts are what a span carries beside HTTP. They can be stated while the span is being ended.
type facts struct {
	mu                                    sync.Mutex
	operation, template                   string
	amount, currency, fee, agent, service string
}

func (f *facts) state(opts []OperationOption) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, o := range opts {
		if o != nil {
			o(f)
		}
	}
}

func (f *facts) appendTo(dst []attribute.KeyValue) []attribute.KeyValue {
	f.mu.Lock()
	defer f.mu.Unlock()
	dst = appendString(dst, usageconv.Operation, f.operation)
	dst = appendString(dst, usageconv.PaymentAmount, f.amount)
	dst = appendString(dst, usageconv.PaymentCurrency, f.currency)
	dst = appendString(dst, usageconv.PaymentFee, f.fee)
	dst = appendString(dst, usageconv.AgentID, f.agent)
	return appendString(dst, usageconv.ServiceID, f.service)
}

func (f *facts) route() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.template
}

func appendString(dst []attribute.KeyValue, key attribute.Key, value string) []attribute.KeyValue {
	if value == "" {
		return dst
	}
	return append(dst, key.String(value))
}

type operationKey struct{}

func operationFrom(ctx context.Context) *Operation {
	op, _ := ctx.Value(operationKey{}).(*Operation)
	return op
}

// Operation begins a use of an SDK method, such as "payments.create". Requests made with the returned context
// belong to it. End it once.
func (in *Instrumentation) Operation(ctx context.Context, name string, opts ...OperationOption) (_ context.Context, op *Operation) {
	op = &Operation{in: in}
	if in.off {
		return ctx, op
	}
	defer in.guard(signalTraces)
	op.facts.operation = clean(name, maxName)
	op.facts.state(opts)
	return context.WithValue(ctx, operationKey{}, op), op
}

// Annotate states facts that became known after the operation began. They land on attempts that end later.
func (op *Operation) Annotate(opts ...OperationOption) {
	if op == nil || op.in.off {
		return
	}
	defer op.in.guard(signalTraces)
	op.facts.state(opts)
}

// End counts the operation as finished; err is its outcome. Further calls change nothing.
func (op *Operation) End(err error) {
	if op == nil || op.in.off || op.ended.Swap(true) {
		return
	}
	defer op.in.guard(signalMetrics)
	status := "ok"
	attrs := []attribute.KeyValue{attribute.String(usageconv.Operation, op.facts.operation)}
	if err != nil {
		status = "error"
		attrs = append(attrs, attribute.String(usageconv.ErrorType, errorType(err)))
	}
	attrs = append(attrs, attribute.String(usageconv.OperationStatus, status))
	set := metric.WithAttributeSet(attribute.NewSet(attrs...))
	op.in.each(func(i *instruments) { i.operations.Add(context.Background(), 1, set) })
}
