package httpapi

import (
	"github.com/danielgtaylor/huma/v2"

	"github.com/disco-platform/mirrorball/internal/accounts"
)

// Document is the OpenAPI document before it is written as JSON.
func Document(c Config) (*huma.OpenAPI, error) {
	_, doc, err := newHandler(c)
	return doc, err
}

// Page reads the parameters of a list whose cursors are sealed with a key.
func Page(key []byte, p PageParams, list ...string) (accounts.Page, error) {
	return (&api{Config: Config{CursorKey: key}}).page(p, list...)
}

// Cursor is where a list goes on.
func Cursor(key []byte, next int64, list ...string) string {
	return (&api{Config: Config{CursorKey: key}}).cursor(next, list...)
}
