package discosdk

import (
	"context"
	"net/http"
	"time"
)

// Services are what agents sell to each other.
type Services struct{ c *Client }

// Service is something that agents pay for. Price is a decimal such as "0.25".
type Service struct {
	ID        string    `json:"id"`
	Name      string    `json:"name"`
	Price     string    `json:"price"`
	Currency  string    `json:"currency"`
	CreatedAt time.Time `json:"created_at"`
}

// ServiceParams describe a service to offer. All fields are required.
type ServiceParams struct {
	Name     string `json:"name"`
	Price    string `json:"price"`
	Currency string `json:"currency"`
}

var (
	servicesCreate = endpoint{"services.create", http.MethodPost, "/services"}
	servicesList   = endpoint{"services.list", http.MethodGet, "/services"}
)

// Create offers a service.
func (s *Services) Create(ctx context.Context, params ServiceParams) (*Service, error) {
	var out Service
	if err := s.c.call(ctx, servicesCreate, "/services", params, &out); err != nil {
		return nil, err
	}
	return &out, nil
}

// List lists the latest services, the newest first. limit is 1 to 100.
func (s *Services) List(ctx context.Context, limit int) ([]Service, error) {
	var out page[Service]
	if err := s.c.call(ctx, servicesList, "/services"+withLimit(limit), nil, &out); err != nil {
		return nil, err
	}
	return out.Data, nil
}
