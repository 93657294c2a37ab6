// Package discosdk is a small SDK of Disco, the imaginary API for payments between AI agents.
//
// It shows how an SDK author uses sdkinstrumentation: start it in [New], wrap the transport, name each
// operation, offer Track, and shut it down in [Client.Close]. The users of the SDK write nothing for it.
//
//	client := discosdk.New(os.Getenv("DISCO_API_KEY"), discosdk.WithUser("ada@example.com", "Analytical Engines"))
//	defer client.Close(context.Background())
//	payment, err := client.Payments.Create(ctx, discosdk.PaymentParams{Amount: "12.50", Currency: "EUR"})
package discosdk
