package embedded

import (
	"strconv"
)

// settings of the server. Those of a lasting one are for a machine that it shares with the collector.
func (s *Server) settings() []string {
	settings := []string{
		"listen_addresses=127.0.0.1", "port=" + strconv.Itoa(s.port), "unix_socket_directories=",
		"password_encryption=scram-sha-256", "logging_collector=off", "log_min_messages=warning",
		"log_statement=none", "log_min_error_statement=panic", // statements carry values
		"max_connections=100",
	}
	if s.cfg.Ephemeral {
		settings = append(settings, "fsync=off", "synchronous_commit=off", "full_page_writes=off",
			"shared_buffers=64MB", "max_wal_size=512MB")
	} else {
		settings = append(settings, "fsync=on", "synchronous_commit=on", "full_page_writes=on",
			"shared_buffers=256MB", "max_wal_size=2GB", "wal_compression=on", "checkpoint_timeout=15min")
	}
	args := []string{"-D", s.data()}
	for _, setting := range settings {
		args = append(args, "-c", setting)
	}
	return args
}
