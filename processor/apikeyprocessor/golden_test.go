package apikeyprocessor

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

var update = flag.Bool("update", false, "write what the processor makes of testdata/*/input.json to output.json; read the diff before you believe it")

// Each folder under testdata is a case: <signal>_<sender>_<what>, with input.json and output.json in OTLP/JSON.
func TestGolden(t *testing.T) {
	t.Parallel()
	inputs, err := filepath.Glob("testdata/*/input.json")
	require.NoError(t, err)
	require.NotEmpty(t, inputs)
	for _, input := range inputs {
		folder := filepath.Dir(input)
		t.Run(filepath.Base(folder), func(t *testing.T) {
			t.Parallel()
			in, err := os.ReadFile(input)
			require.NoError(t, err)
			out := indented(t, process(t, filepath.Base(folder), in))
			golden := filepath.Join(folder, "output.json")
			if *update {
				require.NoError(t, os.WriteFile(golden, out, 0o644))
			}
			want, err := os.ReadFile(golden)
			require.NoError(t, err)
			require.Equal(t, string(want), string(out))
		})
	}
}

// process runs OTLP/JSON through the processor; name tells signal and sender.
func process(t *testing.T, name string, in []byte) []byte {
	t.Helper()
	var signal, sender string
	for _, s := range []string{"traces", "logs", "metrics"} {
		for who := range senders {
			if bytes.HasPrefix([]byte(name), []byte(s+"_"+who+"_")) {
				signal, sender = s, who
			}
		}
	}
	p := started(t, newKeyStore(), nopSettings())
	ctx := senders[sender]()
	var out []byte
	var err error
	switch signal {
	case "traces":
		td, e := (&ptrace.JSONUnmarshaler{}).UnmarshalTraces(in)
		require.NoError(t, e)
		td, e = p.processTraces(ctx, td)
		require.NoError(t, e)
		out, err = (&ptrace.JSONMarshaler{}).MarshalTraces(td)
	case "logs":
		ld, e := (&plog.JSONUnmarshaler{}).UnmarshalLogs(in)
		require.NoError(t, e)
		ld, e = p.processLogs(ctx, ld)
		require.NoError(t, e)
		out, err = (&plog.JSONMarshaler{}).MarshalLogs(ld)
	case "metrics":
		md, e := (&pmetric.JSONUnmarshaler{}).UnmarshalMetrics(in)
		require.NoError(t, e)
		md, e = p.processMetrics(ctx, md)
		require.NoError(t, e)
		out, err = (&pmetric.JSONMarshaler{}).MarshalMetrics(md)
	default:
		t.Fatalf("testdata/%s: its name must be <traces|logs|metrics>_<alice|platform>_<what>", name)
	}
	require.NoError(t, err)
	return out
}

var senders = map[string]func() context.Context{
	"alice":    func() context.Context { return sentBy(aliceKey) },
	"platform": func() context.Context { return sentBy(platformKey) },
}

func indented(t *testing.T, raw []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, json.Indent(&b, raw, "", "  "))
	b.WriteByte('\n')
	return b.Bytes()
}
