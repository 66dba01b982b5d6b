package helpers

import (
	"runtime"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpfc/bpfc/sdk"
	"github.com/bpfc/bpfc/sdk/asm"
	"github.com/bpfc/bpfc/sdk/builtin"
)

// sums is a program that returns the length of its packet, its metadata's and its first byte's sum with what first
// leaves in R0, and changes the first byte. R6 is the context.
func sums(t *testing.T, first ...asm.Insn) *sdk.Object {
	o, err := asm.New("sums").Program("sums", "xdp", "").
		Add(asm.MovReg(asm.R6, asm.R1), asm.MovImm(asm.R0, 0)).Add(first...).
		Add(asm.LdxW(asm.R7, asm.R6, 0), asm.LdxW(asm.R8, asm.R6, 4), asm.LdxW(asm.R9, asm.R6, 8)).
		Add(asm.MovReg(asm.R2, asm.R7), asm.AddImm(asm.R2, 1), asm.JGTReg(asm.R2, asm.R8, "out")).
		Add(asm.LdxB(asm.R3, asm.R7, 0), asm.AddReg(asm.R0, asm.R3), asm.StB(asm.R7, 0, 0x55)).
		Add(asm.SubReg(asm.R8, asm.R7), asm.AddReg(asm.R0, asm.R8)).
		Add(asm.SubReg(asm.R7, asm.R9), asm.AddReg(asm.R0, asm.R7)).
		Label("out").Add(asm.Exit()).Build()
	require.NoError(t, err)
	return o
}

// Runs of one program on many packets give what single runs give, whether it leaves its code or not.
func TestRunEach(t *testing.T) {
	backends := map[string]sdk.Backend{"interp": builtin.Interp()}
	if runtime.GOOS == "linux" && runtime.GOARCH == "amd64" {
		backends["amd64"] = builtin.AMD64()
	}
	set, err := sdk.MergeSets(builtin.Base(), builtin.Networking())
	require.NoError(t, err)
	programs := map[string][]asm.Insn{
		"straight": nil,
		"ingress":  {asm.LdxW(asm.R0, asm.R6, 12)},
		"helper":   {asm.MovReg(asm.R1, asm.R6), asm.MovImm(asm.R2, -4), asm.Call(44)}, // bpf_xdp_adjust_head
		"meta":     {asm.MovReg(asm.R1, asm.R6), asm.MovImm(asm.R2, -8), asm.Call(54)}, // bpf_xdp_adjust_meta
	}
	for backend, b := range backends {
		for name, first := range programs {
			for policy, opts := range map[string]sdk.Options{"strict": {}, "guard": {Policy: sdk.Guard}} {
				t.Run(backend+" "+name+" "+policy, func(t *testing.T) {
					opts.Set, opts.CPU, opts.CPUs = set, sdk.HostCPU(), 1
					p, err := sdk.Load(t.Context(), sums(t, first...), b, opts)
					require.NoError(t, err)
					defer func() { require.NoError(t, p.Close()) }()
					runEach(t, p)
				})
			}
		}
	}
}

// runEach compares, on packets of lengths around those that an XDP program takes.
func runEach(t *testing.T, p *sdk.Program) {
	var mems, want [][]byte
	for i := range 300 {
		mem := make([]byte, 14+i*7%90)
		mem[0], mem[len(mem)-1] = byte(i), 1
		mems, want = append(mems, mem), append(want, slices.Clone(mem))
	}
	w, err := p.Worker(t.Context())
	require.NoError(t, err)
	defer w.Release()
	rets := make([]uint64, len(mems))
	n, err := w.RunEach(mems, rets)
	require.NoError(t, err)
	require.Equal(t, len(mems), n)
	for i, mem := range want {
		ret, err := w.RunContext(nil, mem)
		require.NoError(t, err)
		require.Equal(t, ret, rets[i], "packet %d", i)
		require.Equal(t, mem, mems[i])
	}
	mems[200] = mems[200][:13]
	n, err = w.RunEach(mems, rets)
	require.ErrorContains(t, err, "less than 14 bytes")
	require.Equal(t, 200, n)
	n, err = w.RunEach(mems[201:], rets)
	require.NoError(t, err)
	require.Equal(t, 99, n)
	n, err = w.RunEach(nil, nil)
	require.NoError(t, err)
	require.Zero(t, n)
}

// A worker that was released, or whose program was closed, runs nothing.
func TestRunEachAfterTheEnd(t *testing.T) {
	set, err := sdk.MergeSets(builtin.Base(), builtin.Networking())
	require.NoError(t, err)
	p, err := sdk.Load(t.Context(), sums(t), builtin.Interp(), sdk.Options{Set: set, CPUs: 1})
	require.NoError(t, err)
	w, err := p.Worker(t.Context())
	require.NoError(t, err)
	mems, rets := [][]byte{make([]byte, 64)}, make([]uint64, 1)
	require.Error(t, p.Close(), "a worker is held")
	_, err = w.RunEach(mems, rets)
	require.Error(t, err)
	w.Release()
	_, err = w.RunEach(mems, rets)
	require.Error(t, err)
}
