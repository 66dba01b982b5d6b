package builtin_test

import (
	"bytes"
	"runtime"
	"testing"

	"github.com/bpfc/bpfc/core/codegen"
	"github.com/bpfc/bpfc/sdk"
	"github.com/bpfc/bpfc/sdk/builtin"
	"github.com/bpfc/bpfc/sdk/sdktest"
	"github.com/stretchr/testify/require"
)

func TestInterpPassesTheSuite(t *testing.T) {
	sdktest.TestBackend(t, builtin.Interp(), sdktest.Options{})
}

func TestAMD64PassesTheSuite(t *testing.T) {
	if runtime.GOOS != "linux" || runtime.GOARCH != "amd64" {
		t.Skip("needs linux/amd64")
	}
	for _, cpu := range []string{"x86-64", sdk.HostCPU()} {
		t.Run(cpu, func(t *testing.T) { sdktest.TestBackend(t, builtin.AMD64(), sdktest.Options{CPU: cpu}) })
	}
}

func TestNames(t *testing.T) {
	for _, name := range builtin.Backends() {
		b, ok := builtin.Backend(name)
		require.True(t, ok)
		require.Equal(t, name, b.Target().Name)
		require.Implements(t, (*codegen.Runner)(nil), b)
	}
	for _, name := range builtin.Sets() {
		s, ok := builtin.Set(name)
		require.True(t, ok)
		require.Equal(t, name, s.Name)
	}
	_, ok := builtin.Backend("arm64")
	require.False(t, ok)
}

func TestDetect(t *testing.T) {
	for _, c := range []struct {
		name, content string
		want          builtin.Kind
	}{
		{"prog.o", "not an object", builtin.KindELF},
		{"prog.c", "", builtin.KindC},
		{"prog.s", "9500", builtin.KindAsm},
		{"prog.S", "9500", builtin.KindAsm},
		{"prog.hex", "", builtin.KindHex},
		{"prog.bin", "9500", builtin.KindRaw},
		{"<stdin>", "\x7fELF\x02", builtin.KindELF},
		{"<stdin>", "95 00 00 00 00 00 00 00\n", builtin.KindHex},
		{"<stdin>", "0x95", builtin.KindHex},
		{"<stdin>", "r0 = 1\nexit\n", builtin.KindAsm},
		{"<stdin>", "exit", builtin.KindAsm},
		{"<stdin>", "ld #len\nret a\n", builtin.KindClassic},
		{"<stdin>", "1\n6 0 0 0\n", builtin.KindClassic},
		{"<stdin>", "1,6 0 0 0,\n", builtin.KindClassic},
		{"<stdin>", "{ 0x6, 0, 0, 0x00000000 },\n", builtin.KindClassic},
		{"filter.cbpf", "\x06\x00\x00\x00\x00\x00\x00\x00", builtin.KindClassic},
		{"filter.s", "ret #0\n", builtin.KindAsm},
		{"<stdin>", "\x95\x00\x00\x00\x00\x00\x00\x00", builtin.KindRaw},
		{"<stdin>", "", builtin.KindAsm},
		{"dir.o/prog", "exit", builtin.KindAsm},
	} {
		require.Equal(t, c.want, builtin.Detect(c.name, []byte(c.content)), "%s %q", c.name, c.content)
	}
}

func TestLimits(t *testing.T) {
	exit := []byte{0x95, 0, 0, 0, 0, 0, 0, 0}
	_, err := builtin.ReadObject(t.Context(), "x.bin", bytes.Repeat(exit, builtin.MaxInsns+1), builtin.ReadOptions{})
	var unsupported *codegen.UnsupportedError
	require.ErrorAs(t, err, &unsupported)
	require.ErrorContains(t, err, "1000001 instructions")
	_, err = builtin.ReadObject(t.Context(), "x.hex", bytes.Repeat([]byte("9500000000000000"), builtin.MaxInsns+1), builtin.ReadOptions{})
	require.ErrorAs(t, err, &unsupported)
	o, err := builtin.ReadObject(t.Context(), "x.bin", bytes.Repeat(exit, builtin.MaxInsns), builtin.ReadOptions{})
	require.NoError(t, err)
	require.Len(t, o.Programs[0].Insns, builtin.MaxInsns)
}
