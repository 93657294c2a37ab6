package apikeyprocessor

import (
	"go.opentelemetry.io/collector/consumer/consumererror"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Receivers read the code from the gRPC status: Unavailable becomes 503, Unauthenticated 401, PermissionDenied 403.
var (
	errUnresolved = withStatus(codes.Unavailable, "API keys cannot be checked at the moment; send this again")
	errNoKey      = consumererror.NewPermanent(withStatus(codes.Unauthenticated,
		"no API key: the receiver must have `auth::authenticator` set to an api_key_auth extension"))
	errNoScope = consumererror.NewPermanent(withStatus(codes.PermissionDenied, "API key may not send telemetry"))
)

func withStatus(code codes.Code, message string) error {
	s := status.New(code, message)
	return consumererror.NewOTLPGRPCError(s.Err(), s)
}
