package pipeline

import (
	"crypto/tls"
	"crypto/x509"
	"os"
)

// tlsFromEnvironment reads the standard variables for a private root and a client's certificate, nil if none is set. The
// exporters read them too, but not with a client that is given to them. A file that cannot be read leaves the
// default: exports then fail, and are counted.
func tlsFromEnvironment() *tls.Config {
	c := &tls.Config{MinVersion: tls.VersionTLS12}
	set := false
	if pem, err := os.ReadFile(os.Getenv(envPrefix + "CERTIFICATE")); err == nil {
		c.RootCAs = x509.NewCertPool()
		set = c.RootCAs.AppendCertsFromPEM(pem)
	}
	cert, err := tls.LoadX509KeyPair(os.Getenv(envPrefix+"CLIENT_CERTIFICATE"), os.Getenv(envPrefix+"CLIENT_KEY"))
	if err == nil {
		c.Certificates, set = []tls.Certificate{cert}, true
	}
	if !set {
		return nil
	}
	return c
}
