package sdkinstrumentation

import (
	"bufio"
	"io"
	"net"
	"net/http"
)

// responseWriter notes the status. What else the writer below can do is kept, see wrapped.
type responseWriter struct {
	http.ResponseWriter
	status int // 0 until the header is written
}

func (w *responseWriter) WriteHeader(status int) {
	// 1xx are followed by another status, except 101, after which the connection is the handler's.
	if w.status == 0 && (status >= 200 || status == http.StatusSwitchingProtocols) {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *responseWriter) Write(b []byte) (int, error) {
	w.wrote()
	return w.ResponseWriter.Write(b)
}

// Unwrap serves http.ResponseController.
func (w *responseWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *responseWriter) wrote() {
	if w.status == 0 {
		w.status = http.StatusOK
	}
}

func (w *responseWriter) flush() {
	w.wrote()
	w.ResponseWriter.(http.Flusher).Flush()
}

func (w *responseWriter) hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := w.ResponseWriter.(http.Hijacker).Hijack()
	if err == nil && w.status == 0 {
		w.status = http.StatusSwitchingProtocols
	}
	return conn, rw, err
}

func (w *responseWriter) readFrom(r io.Reader) (int64, error) {
	w.wrote()
	return w.ResponseWriter.(io.ReaderFrom).ReadFrom(r)
}

// wrapped returns a writer with those of Flush, Hijack and ReadFrom that the writer below has. Each type is one
// pointer, so that wrapping allocates nothing.
func (w *responseWriter) wrapped() http.ResponseWriter {
	_, f := w.ResponseWriter.(http.Flusher)
	_, h := w.ResponseWriter.(http.Hijacker)
	_, r := w.ResponseWriter.(io.ReaderFrom)
	switch {
	case f && h && r:
		return writerFHR{w}
	case f && h:
		return writerFH{w}
	case f && r:
		return writerFR{w}
	case h && r:
		return writerHR{w}
	case f:
		return writerF{w}
	case h:
		return writerH{w}
	case r:
		return writerR{w}
	}
	return w
}

type (
	writerF   struct{ *responseWriter }
	writerH   struct{ *responseWriter }
	writerR   struct{ *responseWriter }
	writerFH  struct{ *responseWriter }
	writerFR  struct{ *responseWriter }
	writerHR  struct{ *responseWriter }
	writerFHR struct{ *responseWriter }
)

func (w writerF) Flush()   { w.flush() }
func (w writerFH) Flush()  { w.flush() }
func (w writerFR) Flush()  { w.flush() }
func (w writerFHR) Flush() { w.flush() }

func (w writerH) Hijack() (net.Conn, *bufio.ReadWriter, error)   { return w.hijack() }
func (w writerFH) Hijack() (net.Conn, *bufio.ReadWriter, error)  { return w.hijack() }
func (w writerHR) Hijack() (net.Conn, *bufio.ReadWriter, error)  { return w.hijack() }
func (w writerFHR) Hijack() (net.Conn, *bufio.ReadWriter, error) { return w.hijack() }

func (w writerR) ReadFrom(r io.Reader) (int64, error)   { return w.readFrom(r) }
func (w writerFR) ReadFrom(r io.Reader) (int64, error)  { return w.readFrom(r) }
func (w writerHR) ReadFrom(r io.Reader) (int64, error)  { return w.readFrom(r) }
func (w writerFHR) ReadFrom(r io.Reader) (int64, error) { return w.readFrom(r) }
