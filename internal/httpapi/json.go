package httpapi

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/danielgtaylor/huma/v2"
	strict "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// strictJSON refuses what different readers understand differently: duplicate names, invalid UTF-8, and null, which stands for
// "not given" to some and for "none" to others.
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
		var semantic *strict.SemanticError
		if errors.As(err, &semantic) { // its own words are about types of Go
			return fmt.Errorf("has a value for %s that does not fit, such as a number that is too large", shorten(semantic.JSONPointer.LastToken()))
		}
		if err == nil {
			err = checkNulls(v)
		}
		return err
	},
}

// checkNulls looks at what was read without a type, which is what is compared with the schema.
func checkNulls(v any) error {
	generic, ok := v.(*any)
	if !ok {
		return nil
	}
	object, _ := (*generic).(map[string]any)
	for _, name := range slices.Sorted(maps.Keys(object)) {
		if object[name] == nil {
			return fmt.Errorf("has null for %s; leave the field out instead", shorten(name))
		}
	}
	return nil
}

// Number is a decimal number in JSON, exactly as written: never through a float.
type Number string

// MarshalJSON writes the number as it stands.
func (n Number) MarshalJSON() ([]byte, error) { return json.Marshal(json.Number(n)) }

// Schema says that it is a number.
func (Number) Schema(huma.Registry) *huma.Schema { return &huma.Schema{Type: huma.TypeNumber} }
