package httpapi

import (
	"context"
	"net/http"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"github.com/disco-platform/mirrorball/internal/analytics"
)

// UsageInput is a question about usage.
type UsageInput struct {
	WindowParams
	Granularity string `query:"granularity" enum:"hourly,daily,weekly,monthly" doc:"Length of the periods of the time series; daily if not given. Weeks are those of ISO 8601."`
	SubjectParams
	Top string `query:"top" pattern:"^[0-9]+$" doc:"How many rows each list has at most, 1 to 100; 10 if not given." example:"10"`
}

// UsageOutput is its answer.
type UsageOutput struct{ Body Usage }

func (a *api) registerUsage(h huma.API) {
	register(a, h, huma.Operation{
		OperationID: "get-usage", Path: "/analytics/usage", Summary: "Usage of the caller's keys",
		Description: "Counts the requests, payments and agents of all keys that the caller sees in an environment, or of those whom it names.", Errors: []int{http.StatusNotFound},
	}, func(ctx context.Context, in *UsageInput) (*UsageOutput, error) {
		top, err := parseTop(in.Top)
		if err != nil {
			return nil, err
		}
		u, subject, err := a.usage(ctx, in, top)
		if err != nil {
			return nil, err
		}
		return &UsageOutput{Body: usageOf(u, subject)}, nil
	})
}

// usage asks for what the caller may see.
func (a *api) usage(ctx context.Context, in *UsageInput, top int) (*analytics.Usage, analytics.Subject, error) {
	subject, subjectErr := subjectOf(callerOf(ctx).id, in.SubjectParams)
	window, windowErr := analytics.ParseWindow(in.request(in.Granularity), a.Now())
	if err := both(subjectErr, windowErr); err != nil {
		return nil, subject, err
	}
	u, err := a.Reader.Usage(ctx, analytics.UsageQuestion{By: actorOf(ctx), Subject: subject, Window: window, Top: top})
	return u, subject, err
}

const (
	defaultTop = 10
	maxTop     = 100
)

func parseTop(s string) (int, error) {
	if s == "" {
		return defaultTop, nil
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 || n > maxTop {
		return 0, &analytics.ParameterError{Parameter: "top", Message: "must be a number from 1 to 100"}
	}
	return n, nil
}
