package sets

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"
	"github.com/stretchr/testify/require"

	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/tests/kernel/alive"
)

// These tests ask the running kernel's verifier. The programs are a few
// instructions long; none is attached or run, and the maps are small.

// needKernel skips the test where the kernel cannot be asked, or is another one than the sets describe.
func needKernel(t *testing.T) {
	t.Helper()
	alive.Check(t)
	if why := refusal(&abi.ProgType{Kernel: 1}, asm.Mov.Imm(asm.R0, 0), asm.Return()); why != "" {
		t.Skipf("the kernel loads no programs for this process: %s", why)
	}
	release, _ := os.ReadFile("/proc/sys/kernel/osrelease")
	if !strings.HasPrefix(string(release), "6.18.") {
		t.Skipf("the sets are those of Linux 6.18, this is %s", release)
	}
}

// refusal is why the kernel does not load a program of a type, "" if it does.
func refusal(typ *abi.ProgType, code ...asm.Instruction) string {
	const sleepable = 1 << 4 // BPF_F_SLEEPABLE
	spec := &ebpf.ProgramSpec{Type: ebpf.ProgramType(typ.Kernel), AttachType: ebpf.AttachType(typ.Attach), License: "GPL", Instructions: code}
	if typ.Sleepable {
		spec.Flags = sleepable
	}
	alive.Pace()
	p, err := ebpf.NewProgramWithOptions(spec, ebpf.ProgramOptions{LogLevel: ebpf.LogLevelBranch})
	if err == nil {
		_ = p.Close()
		return ""
	}
	return fmt.Sprintf("%+v", err)
}

// lastHelper is the highest number of Linux 6.18's list.
const lastHelper = 211

// configured are helpers that depend on how the kernel was built or started, not on the type.
var configured = []string{"bpf_override_return", "bpf_probe_write_user"}

// ofSockets are helpers that programs of type syscall call with the kernel's own
// sockets, which nothing that bpfc decides gives them.
var ofSockets = []string{"bpf_get_socket_cookie", "bpf_sk_storage_get", "bpf_sk_storage_delete", "bpf_xdp_get_buff_len",
	"bpf_skc_to_tcp6_sock", "bpf_skc_to_tcp_sock", "bpf_skc_to_tcp_timewait_sock", "bpf_skc_to_tcp_request_sock",
	"bpf_skc_to_udp6_sock", "bpf_skc_to_unix_sock", "bpf_skc_to_mptcp_sock"}

// One type of each kernel type calls every helper: the kernel and the sets agree who may.
func TestHelpersAreTheKernels(t *testing.T) {
	needKernel(t)
	s := Merged(t)
	asked := map[uint32]bool{}
	for i := range s.Types {
		typ := &s.Types[i]
		if typ.Kernel == 0 || typ.Unsupported != "" || asked[typ.Kernel] {
			continue
		}
		asked[typ.Kernel] = true
		t.Run(typ.Name, func(t *testing.T) {
			for id := uint32(1); id <= lastHelper; id++ {
				why := refusal(typ, asm.BuiltinFunc(id).Call(), asm.Mov.Imm(asm.R0, 1), asm.Return())
				kernel := !strings.Contains(why, "cannot use helper") && !strings.Contains(why, "unknown func")
				h := s.HelperFor(typ, id)
				if h != nil && (slices.Contains(configured, h.Name) || typ.Name == "syscall" && slices.Contains(ofSockets, h.Name)) {
					continue
				}
				if ours := h != nil && typ.MayCall(h); ours != kernel {
					t.Errorf("helper %d: the kernel lets it be called: %v, the sets: %v", id, kernel, ours)
				}
			}
		})
	}
	require.Greater(t, len(asked), 20)
}

// specs are maps of each kind that can be created without more.
func specs() map[string]*ebpf.MapSpec {
	storage := func() *ebpf.MapSpec {
		number := &btf.Int{Name: "int", Size: 4, Encoding: btf.Signed}
		return &ebpf.MapSpec{KeySize: 4, ValueSize: 4, Flags: 1, Key: number, Value: number}
	}
	inner := &ebpf.MapSpec{Type: ebpf.Array, KeySize: 4, ValueSize: 8, MaxEntries: 1}
	return map[string]*ebpf.MapSpec{
		"cgroup_array": {KeySize: 4, ValueSize: 4}, "prog_array": {KeySize: 4, ValueSize: 4}, "perf_event_array": {KeySize: 4, ValueSize: 4},
		"lpm_trie": {KeySize: 8, ValueSize: 8, Flags: 1}, "array_of_maps": {KeySize: 4, ValueSize: 4, InnerMap: inner},
		"hash_of_maps": {KeySize: 4, ValueSize: 4, InnerMap: inner}, "devmap": {KeySize: 4, ValueSize: 4}, "devmap_hash": {KeySize: 4, ValueSize: 4},
		"sockmap": {KeySize: 4, ValueSize: 4}, "sockhash": {KeySize: 4, ValueSize: 4}, "cpumap": {KeySize: 4, ValueSize: 4}, "xskmap": {KeySize: 4, ValueSize: 4},
		"reuseport_sockarray": {KeySize: 4, ValueSize: 8}, "queue": {ValueSize: 4}, "stack": {ValueSize: 4}, "bloom_filter": {ValueSize: 4},
		"ringbuf": {MaxEntries: 4096}, "user_ringbuf": {MaxEntries: 4096},
		"sk_storage": storage(), "task_storage": storage(), "cgrp_storage": storage(), "inode_storage": storage(),
		"stack_trace": {KeySize: 4, ValueSize: 8},
	}
}

// create makes a map of a kind, nil if that takes more than a specification. The caller closes it.
func create(t *testing.T, k *abi.MapKind) *ebpf.Map {
	if slices.Contains([]string{"struct_ops", "arena", "cgroup_storage", "percpu_cgroup_storage"}, k.Name) {
		return nil
	}
	spec, ok := specs()[k.Name]
	if !ok {
		spec = &ebpf.MapSpec{KeySize: 4, ValueSize: 8}
	}
	spec.Type = ebpf.MapType(k.Type)
	if spec.MaxEntries == 0 && !strings.HasSuffix(k.Name, "_storage") {
		spec.MaxEntries = 1
	}
	m, err := ebpf.NewMap(spec)
	require.NoError(t, err, k.Name)
	return m
}

// errUnreachable says that no program here can make the call.
var errUnreachable = errors.New("it takes what only other helpers give")

// call is a call of the helper with a map and what else its prototype asks for.
func call(h *abi.Helper, fd int) (asm.Instructions, error) {
	code := asm.Instructions{asm.Mov.Reg(asm.R6, asm.R1), asm.Mov.Imm(asm.R1, 0)}
	for at := int16(-64); at < 0; at += 8 {
		code = append(code, asm.StoreMem(asm.RFP, at, asm.R1, asm.DWord))
	}
	for i, k := range h.Args[:h.NumArgs()] {
		r := asm.R1 + asm.Register(i)
		switch k {
		case abi.ArgConstMap:
			code = append(code, asm.LoadMapPtr(r, fd))
		case abi.ArgCtx:
			code = append(code, asm.Mov.Reg(r, asm.R6))
		case abi.ArgMapKey, abi.ArgMapValue, abi.ArgMapValueOut, abi.ArgMem, abi.ArgMemWrite:
			code = append(code, asm.Mov.Reg(r, asm.RFP), asm.Add.Imm(r, -64))
		case abi.ArgAny, abi.ArgMapValueOrNull:
			code = append(code, asm.Mov.Imm(r, 0))
		case abi.ArgSize, abi.ArgSizeOrZero, abi.ArgAllocSize:
			code = append(code, asm.Mov.Imm(r, 8))
		default:
			return nil, errUnreachable
		}
	}
	return append(code, asm.BuiltinFunc(h.ID).Call(), asm.Mov.Imm(asm.R0, 1), asm.Return()), nil
}

// Every kind of map is given to every helper that takes one: the kernel and the sets agree.
func TestMapKindsAreTheKernels(t *testing.T) {
	needKernel(t)
	s := Merged(t)
	tried := 0
	for i := range s.MapKinds {
		k := &s.MapKinds[i]
		for j := range s.Helpers {
			h := &s.Helpers[j]
			why, ok := given(t, k, caller(s, h), h)
			if !ok {
				continue
			}
			tried++
			kernel := why == "" || strings.Contains(why, "Unreleased reference") // it was called
			if ours := slices.Contains(k.Helpers, h.Name); kernel != ours {
				t.Errorf("map of kind %s, helper %s: the sets allow it: %v, the kernel: %s", k.Name, h.Name, ours, why)
			}
		}
	}
	require.Greater(t, tried, 500)
}

// given is why the kernel refuses that a program of a type calls the helper with
// a new map of a kind (some kinds remember who used them), "" if it does not; not ok
// if no program here can make the call.
func given(t *testing.T, k *abi.MapKind, typ *abi.ProgType, h *abi.Helper) (why string, ok bool) {
	if _, err := call(h, 0); err != nil || typ == nil || !slices.Contains(h.Args[:], abi.ArgConstMap) {
		return "", false
	}
	m := create(t, k)
	if m == nil {
		return "", false
	}
	code, err := call(h, m.FD())
	require.NoError(t, err)
	why = refusal(typ, code...)
	require.NoError(t, m.Close())
	return why, true
}

// caller is a type whose programs the kernel loads and that may call the helper, nil if there is none.
func caller(s *abi.Set, h *abi.Helper) *abi.ProgType {
	for i := range s.Types {
		if t := &s.Types[i]; t.Kernel != 0 && t.Unsupported == "" && !t.Sleepable && t.MayCall(h) && s.HelperFor(t, h.ID).Args == h.Args {
			return t
		}
	}
	return nil
}
