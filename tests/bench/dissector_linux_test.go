//go:build linux && amd64

package bench

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/rlimit"
	"github.com/stretchr/testify/require"

	"github.com/bpfc/bpfc/sdk"
	ours "github.com/bpfc/bpfc/sdk/asm"
	"github.com/bpfc/bpfc/sdk/builtin"
	"github.com/bpfc/bpfc/tests/kernel/alive"
)

const dissector = "../../examples/flowdissector/flowdissector.o"

// dissected are frames by the headers that lead to their flow.
func dissected() map[string][]byte {
	ethernet := make([]byte, 12)
	ipv4 := slices.Concat([]byte{8, 0, 0x45, 0, 0, 40, 0, 1, 0, 0, 64, 6, 0, 0, 192, 0, 2, 1, 198, 51, 100, 2}, tcp())
	ipv6 := slices.Concat([]byte{0x86, 0xdd, 0x60, 0, 0, 0, 0, 20, 6, 64}, make([]byte, 32), tcp())
	return map[string][]byte{
		"ipv4": slices.Concat(ethernet, ipv4),
		"vlan": slices.Concat(ethernet, []byte{0x81, 0, 0, 100}, ipv4),
		"ipv6": slices.Concat(ethernet, ipv6),
	}
}

func tcp() []byte {
	return append([]byte{4, 0, 1, 187, 0, 0, 0, 1, 0, 0, 0, 0, 0x50, 2}, make([]byte, 6)...)
}

// BenchmarkDissector is the flow dissector of the examples, here and in the machine's kernel, in turn: nanoseconds a frame
// beyond those of a program that does nothing.
func BenchmarkDissector(b *testing.B) {
	const repeat = 1000 // of the kernel's in one call of BPF_PROG_TEST_RUN
	frames := dissected()
	names := []string{"ipv4", "vlan", "ipv6"}
	inHere, empty := loadDissector(b)
	all := []*contestant{{name: "empty", run: onFrame(b, empty, frames["ipv4"])}}
	for _, name := range names {
		all = append(all, &contestant{name: name, run: onFrame(b, inHere, frames[name])})
	}
	kernel, nothing, err := kernelDissector(b)
	if err != nil {
		b.Logf("without the kernel: %v", err)
	} else {
		on := func(p *ebpf.Program, frame []byte) func(int) error {
			return func(int) error {
				_, err := p.Run(&ebpf.RunOptions{Data: frame, Repeat: repeat})
				return err
			}
		}
		all = append(all, &contestant{name: "kernel-empty", run: on(nothing, frames["ipv4"])})
		for _, name := range names {
			all = append(all, &contestant{name: "kernel-" + name, run: on(kernel, frames[name])})
		}
		b.Log("mitigations of the kernel: ", mitigations())
	}
	inTurns(b, all...)
	report := func(all []*contestant, per float64) {
		for _, c := range all[1:] {
			b.ReportMetric((c.median()-all[0].median())/per, c.name+"-ns")
			b.ReportMetric((c.min()-all[0].min())/per, c.name+"-min-ns")
		}
	}
	report(all[:4], 1)
	if len(all) > 4 {
		report(all[4:], repeat)
	}
}

// loadDissector loads the dissector, and a program of its type that does nothing.
func loadDissector(b testing.TB) (dissect, empty *sdk.Program) {
	object, err := builtin.ReadFile(b.Context(), dissector, builtin.ReadOptions{})
	require.NoError(b, err)
	opts := sdk.Options{Set: builtin.Linux(), CPU: sdk.HostCPU(), CPUs: 1}
	c, err := sdk.LoadCollection(b.Context(), object, builtin.AMD64(), opts)
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, c.Close()) })
	empty, err = sdk.Load(b.Context(), finish(b, ours.New("empty").Program("empty", "flow_dissector", "").Add(ours.MovImm(ours.R0, 0))), builtin.AMD64(), opts)
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, empty.Close()) })
	return c.Programs["dissect"], empty
}

// onFrame is a run on a worker that is held; the flow is found once before.
func onFrame(b testing.TB, p *sdk.Program, frame []byte) func(int) error {
	r, err := p.Exec(b.Context(), sdk.Input{Mem: frame})
	require.NoError(b, err)
	require.Zero(b, r.Ret)
	w := worker(b, p)
	return func(int) error { _, err := w.RunContext(nil, frame); return err }
}

// kernelDissector loads the same into the machine's kernel.
func kernelDissector(b testing.TB) (dissect, empty *ebpf.Program, err error) {
	if err := alive.Err(); err != nil {
		return nil, nil, err
	}
	_ = rlimit.RemoveMemlock()
	spec, err := ebpf.LoadCollectionSpec(dissector)
	require.NoError(b, err)
	c, err := ebpf.NewCollection(spec)
	if err != nil {
		return nil, nil, err
	}
	b.Cleanup(c.Close)
	empty, err = ebpf.NewProgram(&ebpf.ProgramSpec{Type: ebpf.FlowDissector, License: "GPL", Instructions: asm.Instructions{asm.Mov.Imm(asm.R0, 0), asm.Return()}})
	if err != nil {
		return nil, nil, err
	}
	b.Cleanup(func() { require.NoError(b, empty.Close()) })
	return c.Programs["dissect"], empty, nil
}

// mitigations are those of indirect jumps and speculative loads, as the kernel names them.
func mitigations() string {
	var all []string
	for _, name := range []string{"spectre_v1", "spectre_v2", "retbleed", "indirect_target_selection"} {
		if text, err := os.ReadFile(filepath.Join("/sys/devices/system/cpu/vulnerabilities", name)); err == nil {
			all = append(all, name+": "+strings.TrimSpace(string(text)))
		}
	}
	return strings.Join(all, "; ")
}
