package httpapi

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"go.uber.org/zap"
)

// maxBody bounds the body of a request, in bytes. The longest registration has about 2 kB.
const maxBody = 64 << 10

// answerTime bounds how long an answer may take to count. It is less than a server's usual write timeout, so that a
// problem can still be told.
const answerTime = 20 * time.Second

// protect stands before all routes: it bounds their number, time and bodies, turns panics into a problem, and keeps answers
// out of caches.
func (a *api) protect(next http.Handler) http.Handler {
	slots := make(chan struct{}, a.MaxInFlight)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		select {
		case slots <- struct{}{}:
			defer func() { <-slots }()
		default:
			writeProblem(w, newProblem(kindUnavailable, "too many requests are being answered; try again"))
			return
		}
		defer a.recover(w, r)
		if p := readBody(r); p != nil {
			writeProblem(w, p)
			return
		}
		ctx, cancel := context.WithTimeout(r.Context(), answerTime)
		defer cancel()
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

func (a *api) recover(w http.ResponseWriter, r *http.Request) {
	switch p := recover(); p {
	case nil:
	case http.ErrAbortHandler:
		panic(p)
	default:
		a.Log.Error("cannot answer a request", zap.String("path", r.URL.Path), zap.Any("panic", p), zap.Stack("stack"))
		writeProblem(w, newProblem(kindInternal, ""))
	}
}

// RefuseEncoding answers a request whose body cannot be decompressed, in the form that confighttp asks for.
func RefuseEncoding(w http.ResponseWriter, _ *http.Request, _ string, _ int) {
	writeProblem(w, newProblem(kindInvalid, "the body is not compressed as its Content-Encoding says; gzip is understood"))
}

// readBody takes in the whole body, so that what goes wrong with it is told apart here.
func readBody(r *http.Request) *Problem {
	if r.Body == nil || r.Body == http.NoBody {
		return nil
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	var tooLarge *http.MaxBytesError
	var slow interface{ Timeout() bool }
	switch {
	case errors.As(err, &tooLarge) || len(body) > maxBody:
		return newProblem(kindTooLarge, "the body has more than 64 KiB")
	case errors.As(err, &slow) && slow.Timeout():
		return newProblem(kindSlow, "the body did not arrive in time")
	case err != nil:
		return newProblem(kindInvalid, "the body is cut off or not compressed as its Content-Encoding says")
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	return nil
}

// routes are the methods of each path, which may hold places such as {id}.
type routes map[string][]string

func routesOf(o *huma.OpenAPI) routes {
	all := routes{}
	for path, item := range o.Paths {
		for method := range operationsOf(item) {
			all[path] = append(all[path], method)
			if method == http.MethodGet {
				all[path] = append(all[path], http.MethodHead)
			}
		}
		slices.Sort(all[path])
	}
	return all
}

// find returns the methods that a path has.
func (all routes) find(path string) (methods []string) {
	for template, has := range all {
		if matches(template, path) {
			methods = append(methods, has...)
		}
	}
	slices.Sort(methods)
	return slices.Compact(methods)
}

// matches reports whether a path is one of a template's. A place takes one part that is not empty.
func matches(template, path string) bool {
	parts, places := strings.Split(path, "/"), strings.Split(template, "/")
	return slices.EqualFunc(parts, places, func(part, place string) bool {
		return part == place || strings.HasPrefix(place, "{") && part != ""
	})
}

func (all routes) add(mux *http.ServeMux, path string, h http.HandlerFunc) {
	mux.HandleFunc("GET "+path, h)
	all[strings.TrimSuffix(path, "{$}")] = []string{http.MethodGet, http.MethodHead}
}

// notFound answers what no route took: a path that does not exist, or a method that its path does not have.
func (all routes) notFound(w http.ResponseWriter, r *http.Request) {
	methods := all.find(r.URL.Path)
	if methods == nil {
		writeProblem(w, newProblem(kindNotFound, "there is no such path; /openapi.json lists all"))
		return
	}
	allowed := strings.Join(append(slices.Clone(methods), http.MethodOptions), ", ")
	w.Header().Set("Allow", allowed)
	if r.Method == http.MethodOptions {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	writeProblem(w, newProblem(kindMethod, "this path has "+allowed))
}

func serve(contentType string, content []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		_, _ = w.Write(content)
	}
}
