package discoapi

import (
	"net/http"
	"slices"
)

func (c *call) createService() (int, any, error) {
	var in struct {
		Name     string `json:"name"`
		Price    string `json:"price"`
		Currency string `json:"currency"`
	}
	if err := c.decode(&in); err != nil {
		return 0, nil, err
	}
	if in.Name == "" || len(in.Name) > maxNameBytes {
		return 0, nil, badRequest("name must be 1 to 200 bytes")
	}
	if !plainAmount.MatchString(in.Price) || !slices.Contains(currencies, in.Currency) {
		return 0, nil, badRequest(`price must be a decimal such as "0.25", currency EUR, GBP or USD`)
	}
	s := service{ID: newID("svc_"), Name: in.Name, Price: in.Price, Currency: in.Currency, CreatedAt: c.now()}
	c.account.mu.Lock()
	c.account.services = keep(c.account.services, s, maxServices)
	c.account.mu.Unlock()
	c.annotateParties("", s.ID)
	return http.StatusCreated, s, nil
}

func (c *call) listServices() (int, any, error) {
	limit, err := c.limit()
	if err != nil {
		return 0, nil, err
	}
	c.account.mu.Lock()
	defer c.account.mu.Unlock()
	return http.StatusOK, page{Data: newest(c.account.services, limit)}, nil
}
