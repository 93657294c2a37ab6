package requestlimitsextension

// jsonWalk is walk for OTLP in JSON. It counts what the decoder makes an element of, objects and nulls, and brackets in
// place of values: a value that nests takes four at most ({"kvlistValue": {"values": [{"value": …).
type jsonWalk struct {
	maxDepth, left    int
	depth             int
	inString, escaped bool
}

const (
	bracketsPerValue = 4
	// The value of an attribute of an exemplar is the deepest one: 15 brackets around it.
	bracketsAround = 16
)

func (w *jsonWalk) begin(maxDepth, maxElements int) {
	*w = jsonWalk{maxDepth: bracketsPerValue*maxDepth + bracketsAround, left: maxElements}
}

// check takes the next bytes of the body. What is no JSON is left to the decoder to find.
func (w *jsonWalk) check(p []byte) error {
	for _, b := range p {
		if w.inString {
			switch {
			case w.escaped:
				w.escaped = false
			case b == '\\':
				w.escaped = true
			case b == '"':
				w.inString = false
			}
			continue
		}
		switch b {
		case '"':
			w.inString = true
		case '{', '[':
			w.depth++
		case '}', ']':
			w.depth--
		}
		if b == '{' || b == 'n' {
			w.left--
		}
		if w.depth > w.maxDepth {
			return errTooDeep
		}
		if w.left < 0 {
			return errTooMany
		}
	}
	return nil
}
