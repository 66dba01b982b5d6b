//go:build linux

package plugins_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpfc/bpfc/sdk/host"
)

// What a plugin costs: start to first answer, and end, of our own program and of
// one of a third party.
func BenchmarkStartAndClose(b *testing.B) {
	for _, c := range []struct {
		name    string
		builtin bool
	}{{"builtin", true}, {"third-party", false}} {
		b.Run(c.name, func(b *testing.B) {
			ref := misbehave("good")
			ref.Builtin = c.builtin
			for b.Loop() {
				p, err := host.Start(context.Background(), ref, host.Options{})
				require.NoError(b, err)
				require.NoError(b, p.Close())
			}
		})
	}
}

// What a call costs: one small object, there and back.
func BenchmarkCompile(b *testing.B) {
	p, err := host.Start(context.Background(), misbehave("good"), host.Options{})
	require.NoError(b, err)
	defer p.Close()
	for b.Loop() {
		_, err := compile(p)
		require.NoError(b, err)
	}
}
