package httpapi

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/danielgtaylor/huma/v2"
	strict "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// strictJSON refuses what different readers understand differently: duplicate names and invalid UTF-8.
var strictJSON = huma.Format{
	Marshal: huma.DefaultJSONFormat.Marshal,
	Unmarshal: func(data []byte, v any) error {
		err := strict.Unmarshal(data, v)
		var syntax *jsontext.SyntacticError
		if errors.As(err, &syntax) {
			if errors.Is(err, jsontext.ErrDuplicateName) {
				return fmt.Errorf("names %s twice", syntax.JSONPointer.LastToken())
			}
			return fmt.Errorf("is not JSON, at byte %d", syntax.ByteOffset)
		}
		return err
	},
}

// Number is a decimal number in JSON, exactly as written: never through a float.
type Number string

// MarshalJSON writes the number as it stands.
func (n Number) MarshalJSON() ([]byte, error) { return json.Marshal(json.Number(n)) }

// Schema says that it is a number.
func (Number) Schema(huma.Registry) *huma.Schema { return &huma.Schema{Type: huma.TypeNumber} }
