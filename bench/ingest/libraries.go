package main

import (
	"context"
	"errors"
	"log"
)

// libraries takes what the key check and the SDK cost from their own Go benchmarks, which the machine has to be idle for.
func (b *bench) libraries(ctx context.Context) error {
	return errors.Join(b.keyVerification(ctx), b.sdk(ctx))
}

func (b *bench) keyVerification(ctx context.Context) error {
	results, err := goBench(ctx, "./internal/apikey", "^BenchmarkVerify$/^one$", max(3, b.plan.rounds), b.plan.benchtime())
	if err != nil {
		return err
	}
	times, err1 := results.of("Verify/one", seconds)
	allocs, err2 := results.of("Verify/one", allocations)
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	for _, t := range times {
		b.report.add("key_verify_time", t*1e9)
	}
	b.report.add("key_verify_allocations", allocs...)
	log.Printf("key verification: %.0f ns", median(times)*1e9)
	return nil
}

func (b *bench) sdk(ctx context.Context) error {
	results, err := goBench(ctx, "./bench/sdk", "^Benchmark(Transport|Handler)$/^(plain|otelhttp|mirrorball)$", max(3, b.plan.rounds), b.plan.benchtime())
	if err != nil {
		return err
	}
	for _, r := range []struct{ row, group, unit string }{
		{"sdk_transport_time_ratio", "Transport", seconds},
		{"sdk_transport_allocations_ratio", "Transport", allocations},
		{"sdk_handler_time_ratio", "Handler", seconds},
		{"sdk_handler_allocations_ratio", "Handler", allocations},
	} {
		ratios, added := results.added(r.group, "mirrorball", "otelhttp", r.unit)
		err = errors.Join(err, added)
		b.report.add(r.row, ratios...)
	}
	return err
}
