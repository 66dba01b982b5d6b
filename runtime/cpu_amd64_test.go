package runtime

import (
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/cpu"
)

func TestHostCPU(t *testing.T) {
	x := &cpu.X86
	v2 := x.HasSSE3 && x.HasSSSE3 && x.HasCX16 && x.HasSSE41 && x.HasSSE42 && x.HasPOPCNT
	v3 := v2 && x.HasAVX && x.HasAVX2 && x.HasBMI1 && x.HasBMI2 && x.HasFMA
	switch HostCPU() {
	case "x86-64-v3":
		require.True(t, v3)
	case "x86-64-v2":
		require.True(t, v2)
	default:
		require.Equal(t, "x86-64", HostCPU())
		require.False(t, v3, "a machine with all of this and without MOVBE, LZCNT, F16C or LAHF is not known")
	}
}
