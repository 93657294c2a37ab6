// Command quickstart makes one payment with the Disco SDK, which reports the call to Mirrorball by itself.
//
//	DISCO_API_KEY=dk_test_… DISCO_BASE_URL=http://127.0.0.1:9090 go run ./examples/quickstart
package main

import (
	"context"
	"fmt"
	"log"
	"os"

	"github.com/disco-platform/mirrorball/examples/discosdk"
)

func main() {
	ctx := context.Background()
	client := discosdk.New(os.Getenv("DISCO_API_KEY"),
		discosdk.WithBaseURL(os.Getenv("DISCO_BASE_URL")),
		discosdk.WithUser("ada@quickstart.example", "Quickstart"))

	payment, err := client.Payments.Create(ctx, discosdk.PaymentParams{Amount: "12.50", Currency: "EUR"})
	if closeErr := client.Close(ctx); closeErr != nil {
		log.Println("telemetry:", closeErr) // never a reason to fail
	}
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("paid", payment.Amount, payment.Currency, "with", payment.ID)
}
