package kernel

import (
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/isa"
)

// A session: a program that adds its packet's length to an element, on the CPU that maps are read from, and one that the kernel refuses.
func TestSession(t *testing.T) {
	const xdp, perCPUArray, queue = 6, 6, 22
	o := Need(t)
	encode := func(insns ...isa.Insn) []byte {
		b, err := isa.Encode(isa.Prog(insns...))
		require.NoError(t, err)
		return b
	}
	counting := encode(
		isa.Mov64Reg(isa.R6, isa.R1), isa.StoreImm(isa.R10, -4, 1, 4), isa.LoadMapFD(isa.R1, 0), isa.Mov64Reg(isa.R2, isa.R10), isa.Add.Imm(isa.R2, -4),
		isa.CallHelper(1), isa.NE.Imm(isa.R0, 0, 2), isa.Mov64Imm(isa.R0, 0), isa.Return(),
		isa.LoadMem(isa.R1, isa.R0, 0, 8), isa.Add.Imm(isa.R1, 5), isa.StoreMem(isa.R0, 0, isa.R1, 8), isa.Mov64Imm(isa.R0, 2), isa.Return())
	s := Session{
		Maps: []Map{
			{MapSpec: abi.MapSpec{Name: "counts", Type: perCPUArray, KeySize: 4, ValueSize: 8, MaxEntries: 2}},
			{MapSpec: abi.MapSpec{Name: "list", Type: queue, ValueSize: 4, MaxEntries: 1}},
		},
		Programs: []Code{{Name: "counting", Type: xdp, Insns: counting, Refs: []MapRef{{Slot: 2}}}, {Name: "bad", Type: xdp, Insns: encode(isa.Return())}},
		Puts: []Put{
			{Map: 0, Key: binary.LittleEndian.AppendUint32(nil, 1), Value: binary.LittleEndian.AppendUint64(nil, 100)},
			{Map: 1, Value: []byte("1234")},
			{Map: 1, Value: []byte("5678")},
		},
		Steps: []Step{{Program: 0, Data: make([]byte, 64)}, {Program: 1, Data: make([]byte, 64)}, {Program: 0, Data: make([]byte, 64)}},
	}
	a := o.Ask(Question{Sessions: []Session{s}}).Sessions[0]
	require.Empty(t, a.Err)
	require.Equal(t, Accepted, a.Verdicts[0].Verdict, a.Verdicts[0].Message)
	require.Equal(t, Rejected, a.Verdicts[1].Verdict)
	require.Equal(t, []string{"", "", "E2BIG"}, a.Puts)
	require.EqualValues(t, 2, a.Steps[0].Ret)
	require.Len(t, a.Steps[0].Data, 64)
	require.NotEmpty(t, a.Steps[1].Err)
	require.Equal(t, []Element{{binary.LittleEndian.AppendUint32(nil, 1), binary.LittleEndian.AppendUint64(nil, 110)}}, a.Maps[0])
	require.Equal(t, []Element{{nil, []byte("1234")}}, a.Maps[1])
	require.NotZero(t, a.Process.PID)
}
