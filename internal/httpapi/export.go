package httpapi

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"go.uber.org/zap"

	"github.com/disco-platform/mirrorball/internal/analytics"
)

// ExportInput is a question whose answer becomes a file.
type ExportInput struct {
	Format string `query:"format" enum:"json,csv" doc:"json if not given."`
	Table  string `query:"table" enum:"time_series,endpoints,payments,sdk_versions,countries,operations,services,features" doc:"CSV only: which part of the answer; time_series if not given. JSON has all."`
	WindowParams
	Granularity string `query:"granularity" enum:"hourly,daily,weekly,monthly" doc:"Length of the periods of the time series; daily if not given."`
	SubjectParams
}

// maxExportRows bounds each list of an export.
const maxExportRows = 100_000

func (a *api) registerExport(h huma.API) {
	o := huma.Operation{
		OperationID: "export-usage", Path: "/analytics/export", Summary: "Usage of the caller's keys as a file",
		Description: "The answer of /analytics/usage with complete lists, as JSON, or one of its tables as CSV (RFC 4180). A cell of text that a spreadsheet would take for a formula starts with an apostrophe.", Errors: []int{http.StatusNotFound},
	}
	if !a.secure(h, &o) {
		return
	}
	o.Responses["200"] = &huma.Response{Description: "The file", Content: map[string]*huma.MediaType{
		"application/json": {Schema: h.OpenAPI().Components.Schemas.Schema(usageType, true, "Usage")},
		"text/csv":         {Schema: &huma.Schema{Type: huma.TypeString}},
	}}
	huma.Register(h, o, func(ctx context.Context, in *ExportInput) (*huma.StreamResponse, error) {
		out, err := a.export(ctx, in)
		if err != nil {
			return nil, a.problem(ctx, err)
		}
		return out, nil
	})
}

func (a *api) export(ctx context.Context, in *ExportInput) (*huma.StreamResponse, error) {
	table, err := tableFor(in.Format, in.Table)
	if err != nil {
		return nil, err
	}
	u, subject, err := a.usage(ctx, &UsageInput{WindowParams: in.WindowParams, Granularity: in.Granularity, SubjectParams: in.SubjectParams}, maxExportRows)
	if err != nil {
		return nil, err
	}
	name := "usage_" + day(u.Window.StartDate()) + "_" + day(u.Window.EndDate())
	if in.Format != formatCSV {
		return a.file("application/json", name+".json", func(w io.Writer) error {
			return strictJSON.Marshal(w, usageOf(u, subject))
		}), nil
	}
	return a.file("text/csv; charset=utf-8; header=present", name+"_"+table.name+".csv", func(w io.Writer) error {
		return table.write(w, u)
	}), nil
}

const formatCSV = "csv"

// tableFor finds the table of a CSV export, and refuses what does not go together.
func tableFor(format, name string) (table, error) {
	switch {
	case format != "" && format != "json" && format != formatCSV:
		return table{}, &analytics.ParameterError{Parameter: "format", Message: "must be one of json, csv"}
	case format != formatCSV && name != "":
		return table{}, &analytics.ParameterError{Parameter: "table", Message: "goes with format=csv only"}
	case name == "":
		return tables[0], nil
	}
	if i := slices.IndexFunc(tables, func(t table) bool { return t.name == name }); i >= 0 {
		return tables[i], nil
	}
	return table{}, &analytics.ParameterError{Parameter: "table", Message: "must be one of " + strings.Join(tableNames(), ", ")}
}

// file is an answer that is written as it is made. An error in the middle cuts it off: the status is long sent.
func (a *api) file(contentType, name string, write func(io.Writer) error) *huma.StreamResponse {
	return &huma.StreamResponse{Body: func(ctx huma.Context) {
		ctx.SetHeader("Content-Type", contentType)
		ctx.SetHeader("Content-Disposition", fmt.Sprintf(`attachment; filename="%s"`, name))
		if err := write(ctx.BodyWriter()); err != nil {
			a.Log.Debug("cannot finish an export", zap.Error(err))
		}
	}}
}

// day is the day of a date or time, for the name of a file.
func day(s string) string { return s[:len("2006-01-02")] }
