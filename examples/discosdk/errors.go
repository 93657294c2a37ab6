package discosdk

import (
	"encoding/json"
	"fmt"
	"net/http"
)

// Error is an answer of the API other than success.
type Error struct {
	Status  int    `json:"-"`
	Code    string `json:"code"`
	Message string `json:"message"`
}

func (e *Error) Error() string { return fmt.Sprintf("%d %s: %s", e.Status, e.Code, e.Message) }

// errorFrom reads an error's body; whatever stands between may have answered instead of the API.
func errorFrom(status int, body []byte) error {
	answer := struct {
		Error *Error `json:"error"`
	}{}
	if err := json.Unmarshal(body, &answer); err != nil || answer.Error == nil {
		return &Error{Status: status, Code: "unexpected", Message: http.StatusText(status)}
	}
	answer.Error.Status = status
	return answer.Error
}
