package discoapi

import (
	"encoding/json"
	"net/http"
	"strconv"
	"time"
)

const (
	maxBodyBytes = 64 << 10
	maxIDBytes   = 64
)

// call is one request on its way through the server.
type call struct {
	server    *server
	request   *http.Request
	operation string
	account   *account
}

// page is a list as it is answered.
type page struct {
	Data any `json:"data"`
}

func (c *call) now() time.Time { return c.server.cfg.Now(c.request.Context()).UTC() }

func (c *call) decode(into any) error {
	body := http.MaxBytesReader(nil, c.request.Body, maxBodyBytes)
	if err := json.NewDecoder(body).Decode(into); err != nil {
		return badRequest("the body must be a JSON object of at most 64 KiB")
	}
	return nil
}

// limit reads the query parameter of that name.
func (c *call) limit() (int, error) {
	text := c.request.URL.Query().Get("limit")
	if text == "" {
		return 20, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > 100 {
		return 0, badRequest("limit must be 1 to 100")
	}
	return n, nil
}
