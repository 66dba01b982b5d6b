package sdk_test

import (
	"runtime"
	"testing"

	"github.com/bpfc/bpfc/sdk"
	"github.com/bpfc/bpfc/sdk/builtin"
	"github.com/stretchr/testify/require"
)

// BenchmarkProgramRun is the cost of one run of the shortest program.
func BenchmarkProgramRun(b *testing.B) {
	if runtime.GOOS != "linux" || runtime.GOARCH != "amd64" {
		b.Skip("needs linux/amd64")
	}
	o, err := builtin.ReadObject(b.Context(), "one.s", []byte("r0 = 1\nexit"), builtin.ReadOptions{})
	require.NoError(b, err)
	p, err := sdk.Load(b.Context(), o, builtin.AMD64(), options)
	require.NoError(b, err)
	defer p.Close()
	b.Run("Program", func(b *testing.B) {
		for b.Loop() {
			if _, err := p.Run(nil); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("Worker", func(b *testing.B) {
		w, err := p.Worker(b.Context())
		require.NoError(b, err)
		defer w.Release()
		for b.Loop() {
			if _, err := w.Run(nil); err != nil {
				b.Fatal(err)
			}
		}
	})
}
