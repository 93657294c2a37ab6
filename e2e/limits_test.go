package e2e

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protowire"
)

// A customer's bodies that would take half a gigabyte each once decoded are refused before they are.
func TestMemoryThatACallerTakes(t *testing.T) {
	t.Parallel()
	c := startCollector(t)
	user := c.register("greedy@example.com", "Greedy", "live")
	before := c.mostMemory(t)

	nested := message(1, message(2, message(2, message(5, nestedArrays(400_000))))) // resource logs, scope logs, record, body
	empty := message(1, message(2, bytes.Repeat([]byte{0x12, 0}, 2_000_000)))       // resource spans, scope spans, spans
	var sent sync.WaitGroup
	for range 10 {
		for path, body := range map[string][]byte{"/v1/logs": nested, "/v1/traces": empty} {
			sent.Go(func() {
				code, answer, err := c.postOTLP(path, user.Key, body)
				assert.NoError(t, err)
				assert.Contains(t, []int{400, 429}, code, "%s", answer)
			})
		}
	}
	sent.Wait()
	td := traces(span{client, time.Now().Add(-time.Minute), ms(1), nil})
	deep := td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0).Attributes().PutEmpty("deep")
	for range 100 {
		deep = deep.SetEmptySlice().AppendEmpty()
	}
	require.Equal(t, 400, c.postTraces(user.Key, td))
	require.Equal(t, codes.Internal, status.Code(c.grpcTraces(user.Key, td)))
	require.Less(t, c.mostMemory(t)-before, 150, "MiB; one body would take 480")

	require.Equal(t, 200, c.postTraces(user.Key, traces(span{client, time.Now().Add(-time.Minute), ms(1), nil})))
}

func message(number protowire.Number, content []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(nil, number, protowire.BytesType), content)
}

// nestedArrays is an AnyValue of an array of one array, and so on. It is made from the inside out, back to front.
func nestedArrays(levels int) []byte {
	var reversed []byte
	for range levels {
		for _, number := range []protowire.Number{1, 5} { // values of an array, the array of a value
			head := protowire.AppendVarint(protowire.AppendTag(nil, number, protowire.BytesType), uint64(len(reversed)))
			slices.Reverse(head)
			reversed = append(reversed, head...)
		}
	}
	slices.Reverse(reversed)
	return reversed
}

// mostMemory is the most that the collector has held so far, in MiB.
func (c *collector) mostMemory(t *testing.T) int {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("needs /proc, which Linux has")
	}
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", c.cmd.Process.Pid))
	require.NoError(t, err)
	_, after, _ := strings.Cut(string(text), "VmHWM:")
	kib, err := strconv.Atoi(strings.Fields(after)[0])
	require.NoError(t, err)
	return kib / 1024
}
