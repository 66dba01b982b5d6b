package kernel

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/isa"
	"github.com/bpfc/bpfc/core/obj"
	"github.com/bpfc/bpfc/core/verifier"
)

func TestClassify(t *testing.T) {
	const a, r, u = verifier.Accept, verifier.Reject, verifier.Unsupported
	for _, c := range []struct {
		kernel Verdict
		ours   verifier.Verdict
		want   Class
	}{
		{Accepted, a, BothAccept}, {Accepted, r, WeReject}, {Accepted, u, WeCannot},
		{Rejected, a, WeAccept}, {Rejected, r, BothReject}, {Rejected, u, KernelAlone},
		{Environment, a, NotComparable}, {Lost, r, NotComparable},
	} {
		require.Equal(t, c.want, classify(c.kernel, c.ours), "%s, %s", c.kernel, c.ours)
		require.Contains(t, Classes(), c.want)
	}
}

func TestPrint(t *testing.T) {
	var b strings.Builder
	Print(&b, []Row{
		{Object: "dir/a.o", Program: "f", Section: "xdp", Class: WeReject, Ours: Ours{Verdict: verifier.Reject, Code: "BV099", Message: "r7 may be 300", Insn: 4}},
		{Object: "dir/a.o", Program: "g", Section: "xdp", Class: BothAccept, Kernel: Answer{Time: 1000}, Ours: Ours{Time: 2000}},
	})
	require.Contains(t, b.String(), "2 programs\n     1  both accept\n     1  kernel accepts, we reject\n")
	require.Contains(t, b.String(), "  kernel        1µs        1µs        1µs\n    ours        2µs        2µs        2µs\n")
	require.Contains(t, b.String(), "\nKERNEL ACCEPTS, WE REJECT:\n     1  BV099 … may be …\n\n  dir/a.o f (xdp): [BV099] insn 4: r7 may be 300\n")
}

// Maps that nothing refers to are not created; indices follow.
func TestCodeOf(t *testing.T) {
	o := &obj.Object{
		License: "MIT",
		Maps:    []abi.MapSpec{{Name: "unused"}, {Name: "outer", Inner: 3}, {Name: "inner"}},
		Data:    []obj.Data{{Name: ".bss", Bytes: make([]byte, 8)}, {Name: ".rodata", Bytes: []byte{1}, ReadOnly: true}},
		Programs: []obj.Program{{
			Name: "p", Section: "xdp",
			Insns: isa.Prog(isa.LoadImm64(isa.R1, 0), isa.LoadImm64(isa.R2, 0), isa.CallHelper(0), isa.CallFunc(1), isa.Return(), isa.Return()),
			Refs: []obj.Ref{{Slot: 0, Kind: obj.RefMap, Index: 1}, {Slot: 2, Kind: obj.RefData, Index: 1, Addend: 5},
				{Slot: 4, Kind: obj.RefHelper, Name: "h"}},
			Funcs: []obj.FuncInfo{{Slot: 0, Name: "p"}, {Slot: 7, Name: "f"}},
		}},
	}
	set := &abi.Set{Helpers: []abi.Helper{{ID: 77, Name: "h"}}}
	c, err := CodeOf(o, &o.Programs[0], set)
	require.NoError(t, err)
	require.Equal(t, "MIT", c.License)
	require.EqualValues(t, 6, c.Type)
	var names []string
	for _, m := range c.Maps {
		names = append(names, m.Name)
	}
	require.Equal(t, []string{"outer", "inner", ".rodata"}, names)
	require.EqualValues(t, 2, c.Maps[0].Inner)
	require.True(t, c.Maps[2].ReadOnly)
	require.Equal(t, []MapRef{{0, 0}, {2, 2}}, c.Refs)
	require.Equal(t, []Func{{Name: "p"}, {Name: "f", Slot: 7}}, c.Funcs)
	want, err := isa.Encode(isa.Prog(isa.LoadMapFD(isa.R1, 0), isa.LoadMapValueFD(isa.R2, 0, 5), isa.CallHelper(77), isa.CallFunc(1), isa.Return(), isa.Return()))
	require.NoError(t, err)
	require.Equal(t, want, c.Insns)

	c, err = CodeOf(o, &o.Programs[0], nil)
	require.NoError(t, err)
	require.Equal(t, []Kfunc{{4, "h"}}, c.Kfuncs)

	o.Data[1].Relocs = []obj.DataReloc{{}}
	_, err = CodeOf(o, &o.Programs[0], set)
	require.ErrorContains(t, err, "section .rodata holds addresses")
}
