package httpapi

import "github.com/danielgtaylor/huma/v2"

// Document is the OpenAPI document before it is written as JSON.
func Document(c Config) (*huma.OpenAPI, error) {
	_, doc, err := newHandler(c)
	return doc, err
}
