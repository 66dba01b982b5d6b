package main

import (
	"context"
	"io"
	"strings"
	"testing"

	"github.com/bpfc/bpfc/frontends/elf"
	"github.com/stretchr/testify/require"
)

const fixtures = "../../frontends/elf/testdata/"

// reader is an app that reads inputs with some flags.
func reader(flags shared) *app {
	return &app{in: strings.NewReader(""), out: io.Discard, messages: io.Discard, shared: flags}
}

// TestKernelTypes: --btf is what CO-RE relocations need, and an object's own types do.
func TestKernelTypes(t *testing.T) {
	_, err := reader(shared{}).readObject(context.Background(), fixtures+"core.o", &inputFlags{}, nil)
	var e *elf.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, elf.CodeCORE, e.Code)
	require.Equal(t, exitUnsupported, codeOf(err))

	a := reader(shared{btf: fixtures + "core.o"})
	for range 2 {
		o, err := a.readObject(context.Background(), fixtures+"core.o", &inputFlags{}, nil)
		require.NoError(t, err)
		require.Len(t, o.Programs, 1)
	}
	for _, bad := range []string{fixtures + "core.c", fixtures + "none"} {
		_, err := reader(shared{btf: bad}).readObject(context.Background(), fixtures+"core.o", &inputFlags{}, nil)
		require.ErrorContains(t, err, "--btf: ")
		require.Equal(t, exitUsage, codeOf(err))
	}
}

// TestKernelConfig: --kconfig supplies what .kconfig externs ask for.
func TestKernelConfig(t *testing.T) {
	o, err := reader(shared{config: []string{"CONFIG_HZ=250"}}).readObject(context.Background(), fixtures+"kconfig.o", &inputFlags{}, nil)
	require.NoError(t, err)
	require.Equal(t, []byte{250, 0, 0, 0}, o.Data[0].Bytes)
	for _, bad := range []string{"CONFIG_HZ", "=1", "CONFIG_HZ="} {
		require.Equal(t, exitUsage, codeOf(reader(shared{config: []string{bad}, policy: "guard", color: "never", logLevel: "off"}).checkShared()), bad)
	}
}
