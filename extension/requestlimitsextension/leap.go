package requestlimitsextension

// leap passes over the fields of the innermost message that are short, lie whole in p and hold nothing to look into: most
// of an ordinary body, which is why the walk costs next to nothing. It stops before the first field that is anything else.
func (w *walk) leap(p []byte) int {
	top := w.open[len(w.open)-1]
	p = p[:min(int64(len(p)), top.end-w.pos)]
	n := 0
	for n+1 < len(p) {
		tag, length := p[n], p[n+1]
		next := n + 2 + int(length)
		switch {
		case tag >= 0x80 || tag>>3 == 0:
			return n
		case tag&7 == wireFixed64:
			next = n + 9
		case length >= 0x80:
			return n
		case tag&7 == wireVarint:
			next = n + 2
		case tag&7 != wireBytes:
			return n
		}
		if next > len(p) {
			return n
		}
		if tag&7 == wireBytes {
			switch schema[top.kind][tag>>3] {
			case scalar:
			case keyValue:
				if w.left == 0 || w.depth == w.maxDepth || !plainPair(p[n+2:next]) {
					return n
				}
				w.left--
			default:
				return n
			}
		}
		n = next
	}
	return n
}

// plainPair says whether a KeyValue is a key and a value that nests nothing, each in its shortest form.
func plainPair(p []byte) bool {
	for len(p) > 0 {
		if len(p) < 2 || len(p) < 2+int(p[1]) || p[1] >= 0x80 {
			return false
		}
		content := p[2 : 2+int(p[1])]
		if p[0] != 0x0a && (p[0] != 0x12 || !plainValue(content)) { // field 1, the key, and field 2, the value
			return false
		}
		p = p[2+len(content):]
	}
	return true
}

func plainValue(p []byte) bool {
	if len(p) < 2 {
		return false
	}
	switch p[0] {
	case 0x0a: // a string
		return int(p[1]) == len(p)-2
	case 0x10, 0x18: // a boolean, an integer
		return p[len(p)-1] < 0x80 && (len(p) == 2 || len(p) == 3 && p[1] >= 0x80)
	case 0x21: // a double
		return len(p) == 9
	}
	return false
}
