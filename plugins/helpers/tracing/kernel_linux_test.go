package tracing_test

import (
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"
	"github.com/cilium/ebpf/rlimit"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/plugins/helpers/tracing"
	"github.com/bpfc/bpfc/tests/kernel/alive"
)

// sleepable is BPF_F_SLEEPABLE (include/uapi/linux/bpf.h, Linux 6.18).
const sleepable = 1 << 4

// needKernel skips where programs cannot be loaded.
func needKernel(t *testing.T) {
	t.Helper()
	alive.Check(t)
	if err := rlimit.RemoveMemlock(); err != nil {
		t.Skipf("the running kernel cannot be asked: %v", err)
	}
	if _, err := kernelSays(ebpf.Kprobe, 0, 0, asm.Mov.Imm(asm.R0, 0)); err != nil {
		t.Skipf("the running kernel cannot be asked: %v", err)
	}
}

// kernelSays reports whether the running kernel accepts a program, to which exit is added.
func kernelSays(typ ebpf.ProgramType, attach uint32, flags uint32, insns ...asm.Instruction) (bool, error) {
	alive.Pace()
	p, err := ebpf.NewProgramWithOptions(&ebpf.ProgramSpec{
		Type: typ, AttachType: ebpf.AttachType(attach), Flags: flags, License: "GPL",
		Instructions: append(insns, asm.Return()),
	}, ebpf.ProgramOptions{LogDisabled: true})
	if err == nil {
		return true, p.Close()
	}
	if errors.Is(err, os.ErrPermission) || errors.Is(err, unix.EINVAL) {
		return false, nil
	}
	return false, err
}

// asked is the types that the kernel has and that we decide, with the flags they are loaded with.
func asked() (types []abi.ProgType, flags []uint32) {
	for _, typ := range tracing.Set().Types {
		if typ.Kernel == 0 || typ.Unsupported != "" {
			continue
		}
		f := uint32(0)
		if typ.Sleepable {
			f = sleepable
		}
		types, flags = append(types, typ), append(flags, f)
	}
	return types, flags
}

var widths = map[uint8]asm.Size{1: asm.Byte, 2: asm.Half, 4: asm.Word, 8: asm.DWord}

// offsets is where a context is probed: everywhere at its beginning and end, at every field's beginning, and around it.
func offsets(c *abi.Context) (out []int64) {
	around := func(at int64) {
		for d := int64(-2); d <= 4; d++ {
			if at+d >= 0 && at+d <= math.MaxInt16 {
				out = append(out, at+d)
			}
		}
	}
	for at := int64(0); at < 24; at++ {
		out = append(out, at)
	}
	for _, f := range c.Fields {
		around(int64(f.Offset))
		around(int64(f.Offset + f.Size))
	}
	for at := int64(c.Size) - 12; at < int64(c.Size)+12; at++ {
		around(at)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func TestContextsAreTheKernels(t *testing.T) {
	needKernel(t)
	types, flags := asked()
	for i, typ := range types {
		t.Run(typ.Name, func(t *testing.T) {
			for _, at := range offsets(&typ.Context) {
				for width, size := range widths {
					load := asm.LoadMem(asm.R2, asm.R1, int16(at), size)
					store := asm.StoreMem(asm.R1, int16(at), asm.R0, size)
					for write, in := range map[bool]asm.Instruction{false: load, true: store} {
						kernel, err := kernelSays(ebpf.ProgramType(typ.Kernel), typ.Attach, flags[i], asm.Mov.Imm(asm.R0, 0), in)
						require.NoError(t, err)
						_, err = typ.Context.Access(at, width, write)
						require.Equal(t, kernel, err == nil, "%d bytes at %d, write %v: %v", width, at, write, err)
					}
				}
			}
			_, err := typ.Context.Access(-8, 8, false)
			require.Error(t, err)
		})
	}
}

// names is the kernel's helpers by number, from its BTF.
func names(t *testing.T) map[uint32]string {
	spec, err := btf.LoadKernelSpec()
	if err != nil {
		t.Skipf("the running kernel has no BTF: %v", err)
	}
	var enum *btf.Enum
	if err := spec.TypeByName("bpf_func_id", &enum); err != nil {
		t.Skipf("the running kernel does not name its helpers: %v", err)
	}
	out := map[uint32]string{}
	for _, v := range enum.Values {
		if name, ok := strings.CutPrefix(v.Name, "BPF_FUNC_"); ok && !strings.HasPrefix(v.Name, "__") && v.Value != 0 {
			out[uint32(v.Value)] = "bpf_" + name
		}
	}
	return out
}

// configured is helpers that a kernel may be built, or locked down, without.
var configured = map[string]string{
	"bpf_probe_write_user": "lockdown of integrity",
	"bpf_override_return":  "CONFIG_BPF_KPROBE_OVERRIDE",
}

// otherwise is helpers that programs of type syscall may call in the kernel with structures of
// the kernel; the set networking declares them for the networking types, with other arguments.
var otherwise = []string{"bpf_get_socket_cookie", "bpf_sk_storage_get", "bpf_sk_storage_delete", "bpf_skc_to_tcp6_sock", "bpf_skc_to_tcp_sock", "bpf_skc_to_tcp_timewait_sock",
	"bpf_skc_to_tcp_request_sock", "bpf_skc_to_udp6_sock", "bpf_skc_to_unix_sock", "bpf_skc_to_mptcp_sock", "bpf_xdp_get_buff_len"}

func TestHelpersAreTheKernels(t *testing.T) {
	needKernel(t)
	set, numbers := tracing.Set(), names(t)
	types, flags := asked()
	for i, typ := range types {
		t.Run(typ.Name, func(t *testing.T) {
			for id, name := range numbers {
				h := set.HelperByID(id)
				if h == nil {
					h = &abi.Helper{ID: id, Name: name}
				}
				require.Equal(t, name, h.Name, "helper %d", id)
				kernel := kernelHas(t, &typ, flags[i], id)
				if !kernel && configured[name] != "" || typ.Name == "syscall" && slices.Contains(otherwise, name) {
					continue
				}
				require.Equal(t, kernel, typ.MayCall(h) && (typ.Sleepable || h.Flags&abi.FlagSleeps == 0), "helper %d, %s", id, name)
			}
		})
	}
}

// kernelHas reports whether the kernel lets programs of a type call a helper:
// what it says of a call without arguments is either about them, or about the call.
func kernelHas(t *testing.T, typ *abi.ProgType, flags uint32, id uint32) bool {
	alive.Pace()
	p, err := ebpf.NewProgram(&ebpf.ProgramSpec{
		Type: ebpf.ProgramType(typ.Kernel), AttachType: ebpf.AttachType(typ.Attach), Flags: flags, License: "GPL",
		Instructions: asm.Instructions{asm.BuiltinFunc(id).Call(), asm.Mov.Imm(asm.R0, 0), asm.Return()},
	})
	if err == nil {
		require.NoError(t, p.Close())
		return true
	}
	var verdict *ebpf.VerifierError
	require.ErrorAs(t, err, &verdict)
	log := fmt.Sprintf("%+v", verdict)
	for _, refusal := range []string{"cannot use helper", "unknown func", "helper call might sleep"} {
		if strings.Contains(log, refusal) {
			return false
		}
	}
	return true
}

func TestReturnsAreTheKernels(t *testing.T) {
	needKernel(t)
	types, flags := asked()
	for i, typ := range types {
		for _, v := range []int32{math.MinInt32, -1, 0, 1, 2, math.MaxInt32} {
			kernel, err := kernelSays(ebpf.ProgramType(typ.Kernel), typ.Attach, flags[i], asm.Mov.Imm(asm.R0, v))
			require.NoError(t, err)
			r := &typ.Returns
			require.Equal(t, kernel, !r.Bounded() || int64(v) >= r.Min && int64(v) <= r.Max, "type %s returns %d", typ.Name, v)
		}
	}
}

func TestLicencesAreTheKernels(t *testing.T) {
	needKernel(t)
	set := tracing.Set()
	types, flags := asked()
	for i, typ := range types {
		for _, declared := range set.Helpers {
			h := *set.HelperFor(&typ, declared.ID)
			if !typ.MayCall(&h) || configured[h.Name] != "" {
				continue
			}
			alive.Pace()
			_, err := ebpf.NewProgram(&ebpf.ProgramSpec{
				Type: ebpf.ProgramType(typ.Kernel), AttachType: ebpf.AttachType(typ.Attach), Flags: flags[i], License: "Proprietary",
				Instructions: asm.Instructions{asm.BuiltinFunc(h.ID).Call(), asm.Mov.Imm(asm.R0, 0), asm.Return()},
			})
			refused := err != nil && strings.Contains(fmt.Sprintf("%+v", err), "GPL-restricted")
			require.Equal(t, refused, h.Flags&abi.FlagGPL != 0, "%s in %s: %v", h.Name, typ.Name, err)
		}
	}
}
