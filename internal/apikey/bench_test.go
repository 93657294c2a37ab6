package apikey

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
)

type mapStore map[Fingerprint]*Identity

func (s mapStore) LookUp(_ context.Context, fingerprints ...Fingerprint) (ids []*Identity, err error) {
	for _, f := range fingerprints {
		ids = append(ids, s[f])
	}
	return ids, nil
}

func (s mapStore) Watch(ctx context.Context, _ func(Change)) error {
	<-ctx.Done()
	return ctx.Err()
}

// BenchmarkVerify is one verification answered from the cache, among 1,000 keys in use.
func BenchmarkVerify(b *testing.B) {
	const n = 1000
	store := mapStore{}
	keys := make([]string, n)
	for i := range keys {
		raw, err := Generate("live", false)
		require.NoError(b, err)
		keys[i] = raw
		store[FingerprintOf(raw)] = &Identity{KeyID: NewID("key_"), Fingerprint: FingerprintOf(raw)}
	}
	v := NewVerifier(store, Config{})
	defer v.Close()
	ctx := context.Background()
	for _, raw := range keys {
		_, err := v.Verify(ctx, raw)
		require.NoError(b, err)
	}
	b.Run("one", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			if _, err := v.Verify(ctx, keys[i%n]); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("parallel", func(b *testing.B) {
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			for i := 0; pb.Next(); i++ {
				if _, err := v.Verify(ctx, keys[i%n]); err != nil {
					b.Fatal(err)
				}
			}
		})
	})
}
