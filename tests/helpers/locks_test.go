package helpers

import (
	"encoding/binary"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/codegen"
	"github.com/bpfc/bpfc/core/isa"
	"github.com/bpfc/bpfc/core/obj"
	"github.com/bpfc/bpfc/sdk"
	"github.com/bpfc/bpfc/sdk/builtin"
)

// counter adds 1 to a number behind a lock, in two steps.
func counter() *obj.Object {
	const lookup, lock, unlock = 1, 93, 94
	b := &builder{}
	b.add(isa.StoreImm(isa.R10, -4, 0, 4))
	b.refer(obj.Ref{Kind: obj.RefMap}, isa.LoadMapFD(isa.R1, 0))
	b.add(isa.Mov64Reg(isa.R2, isa.R10), isa.Add.Imm(isa.R2, -4), isa.CallHelper(lookup), isa.EQ.Imm(isa.R0, 0, 8),
		isa.Mov64Reg(isa.R7, isa.R0), isa.Mov64Reg(isa.R1, isa.R0), isa.CallHelper(lock),
		isa.LoadMem(isa.R1, isa.R7, 8, 8), isa.Add.Imm(isa.R1, 1), isa.StoreMem(isa.R7, 8, isa.R1, 8),
		isa.Mov64Reg(isa.R1, isa.R7), isa.CallHelper(unlock), isa.Mov64Imm(isa.R0, 0), isa.Return())
	return &obj.Object{
		License:  "GPL",
		Maps:     []abi.MapSpec{{Name: "m", Type: abi.MapTypeArray, KeySize: 4, ValueSize: 16, MaxEntries: 1, Special: []abi.Special{{Kind: abi.SpecialLock, Size: 4}}}},
		Programs: []obj.Program{{Name: "counter", Section: "xdp", Insns: isa.Prog(b.insns...), Refs: b.refs}},
	}
}

// Runs at the same time do not lose a step, and leave the lock free for updates from outside that take it.
func TestLocksHold(t *testing.T) {
	const runs, batches, cpus = 500, 4, 2
	for _, name := range builtin.Backends() {
		b, _ := builtin.Backend(name)
		p, err := sdk.Load(t.Context(), counter(), b, sdk.Options{Set: allSets(t), CPUs: cpus, CPU: sdk.HostCPU()})
		if err != nil && name == "amd64" {
			t.Logf("amd64 does not run here: %v", err)
			continue
		}
		require.NoError(t, err, name)
		in := make([]codegen.Input, runs)
		for i := range in {
			in[i].Mem = make([]byte, 64)
		}
		key, value := make([]byte, 4), make([]byte, 16)
		var all sync.WaitGroup
		for range batches {
			all.Go(func() {
				res, err := p.RunBatch(t.Context(), codegen.Batch{Inputs: in})
				require.NoError(t, err, name)
				require.Nil(t, res.Results[runs-1].Fault, name)
			})
		}
		all.Wait()
		got, err := p.Maps(t.Context(), codegen.MapOp{Kind: codegen.MapGet, Map: "m", Key: key})
		require.NoError(t, err)
		require.Equal(t, uint64(runs*batches), binary.LittleEndian.Uint64(got[0].Entries[0].Value[8:]), name)
		put, err := p.Maps(t.Context(), codegen.MapOp{Kind: codegen.MapPut, Map: "m", Key: key, Value: value, Flags: 4})
		require.NoError(t, err)
		require.Empty(t, put[0].Err, "the lock must be free")
		require.NoError(t, p.Close())
	}
}
