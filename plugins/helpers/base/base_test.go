package base_test

import (
	"testing"

	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/plugins/helpers/base"
	"github.com/stretchr/testify/require"
)

func TestSectionsNameTheTypeAndItsSize(t *testing.T) {
	for _, c := range []struct {
		section string
		ok      bool
		size    uint32
	}{
		{"mem", true, 0},
		{"mem/64", true, 64},
		{"mem/0", true, 0},
		{"mem/064", false, 0},
		{"mem/-1", false, 0},
		{"mem/x", false, 0},
		{"memory", false, 0},
		{"xdp", false, 0},
	} {
		typ, ok := base.Set().SectionType(c.section)
		require.Equal(t, c.ok, ok, c.section)
		if ok {
			require.Equal(t, c.size, typ.Context.Size, c.section)
			require.Equal(t, abi.CtxMemory, typ.Context.Kind, c.section)
			require.True(t, typ.MayCall(&abi.Helper{Name: "anything"}), c.section)
			require.Zero(t, typ.Returns, c.section)
		}
	}
}

func TestSetIsTheCallers(t *testing.T) {
	base.Set().Types[0].Name = "changed"
	require.Equal(t, "mem", base.Set().Types[0].Name)
}
