package postgres

import "testing"

// BenchmarkShares adds a day of ten thousand organisations.
func BenchmarkShares(b *testing.B) {
	var list []placed
	for i := range int32(10_000) {
		list = append(list, placeOf(&figures{cell: cell{dimensionOrganization, i}, count: int64(i % 100), errors: int64(i % 5), payments: int64(i % 20)}))
	}
	day := appendShares(nil, list)
	sums := &shares{pages: map[int32]*page{}}
	b.SetBytes(int64(len(day)))
	b.ReportAllocs()
	for b.Loop() {
		if err := sums.add(day, 1, true); err != nil {
			b.Fatal(err)
		}
	}
}
