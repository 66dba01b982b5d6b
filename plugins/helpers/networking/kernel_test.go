package networking_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/plugins/helpers/networking"
	"github.com/bpfc/bpfc/tests/kernel/alive"
	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/stretchr/testify/require"
)

// These tests ask the running kernel's verifier about every row of the tables.
// The programs are a few instructions long; none is attached or run.

// load asks the kernel to verify a program of a type; nil means that it accepts.
func load(t *abi.ProgType, log bool, code ...asm.Instruction) error {
	alive.Pace()
	p, err := ebpf.NewProgramWithOptions(&ebpf.ProgramSpec{
		Type: ebpf.ProgramType(t.Kernel), AttachType: ebpf.AttachType(t.Attach), License: "GPL", Instructions: code,
	}, ebpf.ProgramOptions{LogDisabled: !log})
	if err != nil {
		return err
	}
	return p.Close()
}

// legal is a value that programs of the type may return.
func legal(t *abi.ProgType) asm.Instruction {
	return asm.Mov.Imm(asm.R0, int32(max(t.Returns.Min, 0)))
}

// oracle skips the test where the kernel cannot be asked.
func oracle(t *testing.T) *abi.Set {
	alive.Check(t)
	set := networking.Set()
	first := set.Types[0]
	if err := load(&first, false, legal(&first), asm.Return()); err != nil {
		t.Skipf("the kernel loads no programs for this process: %v", err)
	}
	release, _ := os.ReadFile("/proc/sys/kernel/osrelease")
	if !strings.HasPrefix(string(release), "6.18.") {
		t.Skipf("the tables are those of Linux 6.18, this is %s", release)
	}
	return set
}

// each runs f for every type that can be decided and that the kernel has.
func each(t *testing.T, set *abi.Set, f func(t *testing.T, typ *abi.ProgType)) {
	for i := range set.Types {
		if typ := &set.Types[i]; typ.Unsupported == "" && typ.Kernel != 0 {
			t.Run(typ.Name, func(t *testing.T) { f(t, typ) })
		}
	}
}

var sizes = []asm.Size{asm.Byte, asm.Half, asm.Word, asm.DWord}

func TestContextAccessIsTheKernels(t *testing.T) {
	each(t, oracle(t), func(t *testing.T, typ *abi.ProgType) {
		for off := -8; off < int(typ.Context.Size)+8; off++ {
			for _, size := range sizes {
				at := int16(off)
				compare(t, typ, off, size, false, load(typ, false, asm.LoadMem(asm.R0, asm.R1, at, size), legal(typ), asm.Return()))
				compare(t, typ, off, size, true, load(typ, false, legal(typ), asm.StoreMem(asm.R1, at, asm.R0, size), asm.Return()))
			}
		}
	})
}

// compare compares the kernel's verdict on an access with the table's.
func compare(t *testing.T, typ *abi.ProgType, off int, size asm.Size, write bool, kernel error) {
	t.Helper()
	_, ours := typ.Context.Access(int64(off), uint8(size.Sizeof()), write)
	if (kernel == nil) != (ours == nil) {
		t.Errorf("offset %d, %d bytes, write %v: kernel %v, table %v", off, size.Sizeof(), write, kernel, ours)
	}
}

func TestPointersOfContextsAreTheKernels(t *testing.T) {
	each(t, oracle(t), func(t *testing.T, typ *abi.ProgType) {
		for _, f := range typ.Context.Fields {
			value := asm.LoadMem(asm.R0, asm.R1, int16(f.Offset), wordOf(&f))
			number := load(typ, false, value, asm.Mul.Imm(asm.R0, 3), legal(typ), asm.Return()) == nil
			require.Equal(t, f.Kind == abi.FieldScalar, number, "%s is a number", f.Name)
			if f.Kind != abi.FieldPointer {
				continue
			}
			at, probe := probeOf(f.Struct)
			plain := load(typ, false, value, asm.LoadMem(asm.R0, asm.R0, at, probe), legal(typ), asm.Return()) == nil
			require.Equal(t, !f.OrNull, plain, "%s is never null", f.Name)
			tested := load(typ, true, value, asm.JEq.Imm(asm.R0, 0, "out"), asm.LoadMem(asm.R0, asm.R0, at, probe), legal(typ).WithSymbol("out"), asm.Return())
			require.NoError(t, tested, f.Name)
		}
	})
}

// probeOf is an access that only pointers to a structure allow.
func probeOf(name string) (int16, asm.Size) {
	if name == "bpf_sock" {
		return 16, asm.Word // mark
	}
	return 72, asm.Byte // state
}

func TestPacketAccessIsTheKernels(t *testing.T) {
	each(t, oracle(t), func(t *testing.T, typ *abi.ProgType) {
		start, end := fieldOf(typ, abi.FieldPacketStart), fieldOf(typ, abi.FieldPacketEnd)
		if start == nil {
			require.Equal(t, abi.PacketNone, typ.Packet)
			return
		}
		try := func(access asm.Instruction) bool {
			return load(typ, false,
				asm.LoadMem(asm.R2, asm.R1, int16(start.Offset), wordOf(start)),
				asm.LoadMem(asm.R3, asm.R1, int16(end.Offset), wordOf(end)),
				asm.Mov.Reg(asm.R4, asm.R2), asm.Add.Imm(asm.R4, 8), asm.JGT.Reg(asm.R4, asm.R3, "out"),
				access, legal(typ).WithSymbol("out"), asm.Return()) == nil
		}
		require.Equal(t, typ.Packet != abi.PacketNone, try(asm.LoadMem(asm.R0, asm.R2, 0, asm.DWord)), "load")
		require.Equal(t, typ.Packet == abi.PacketReadWrite, try(asm.StoreImm(asm.R2, 0, 0, asm.Word)), "store")
	})
}

// fieldOf is the type's field of a kind, nil if it has none.
func fieldOf(typ *abi.ProgType, kind abi.FieldKind) *abi.Field {
	for i := range typ.Context.Fields {
		if f := &typ.Context.Fields[i]; f.Kind == kind {
			return f
		}
	}
	return nil
}

// wordOf is the access that a field is meant for.
func wordOf(f *abi.Field) asm.Size {
	size := f.Size
	if f.Unit != 0 {
		size = f.Unit
	}
	return map[uint32]asm.Size{1: asm.Byte, 2: asm.Half, 4: asm.Word, 8: asm.DWord}[size]
}

// reach is a program type whose programs can get a pointer to a structure, and how: R0 is it.
var reach = map[string]struct {
	typ  string
	code asm.Instructions
}{
	"bpf_sock_common": {"sched_cls", asm.Instructions{asm.LoadMem(asm.R0, asm.R1, 168, asm.DWord)}},
	"bpf_sock":        {"sk_lookup", asm.Instructions{asm.LoadMem(asm.R0, asm.R1, 0, asm.DWord)}},
	"bpf_tcp_sock":    {"sockopt/get", asm.Instructions{asm.LoadMem(asm.R1, asm.R1, 0, asm.DWord), asm.FnTcpSock.Call()}},
	"bpf_flow_keys":   {"flow_dissector", asm.Instructions{asm.LoadMem(asm.R0, asm.R1, 144, asm.DWord)}},
}

func TestStructuresAreTheKernels(t *testing.T) {
	set := oracle(t)
	for i := range set.Structs {
		s := &set.Structs[i]
		if s.Opaque || s.Name == "bpf_xdp_sock" { // elements of an xskmap lead to it
			continue
		}
		t.Run(s.Name, func(t *testing.T) {
			way, ok := reach[s.Name]
			require.True(t, ok)
			typ, ok := set.Type(way.typ)
			require.True(t, ok)
			for off := int16(-8); off < int16(s.Size)+8; off++ {
				for _, size := range sizes {
					for _, write := range []bool{false, true} {
						access := asm.LoadMem(asm.R1, asm.R0, off, size)
						if write {
							access = asm.StoreMem(asm.R0, off, asm.R2, size)
						}
						kernel := load(&typ, false, slices.Concat(way.code, asm.Instructions{
							asm.JEq.Imm(asm.R0, 0, "out"), asm.Mov.Imm(asm.R2, 0), access, legal(&typ).WithSymbol("out"), asm.Return()})...)
						_, ours := s.Access(int64(off), uint8(size.Sizeof()), write)
						require.Equal(t, kernel == nil, ours == nil, "offset %d, %d bytes, write %v: kernel %v, table %v", off, size.Sizeof(), write, kernel, ours)
					}
				}
			}
		})
	}
}

func TestReturnRangesAreTheKernels(t *testing.T) {
	each(t, oracle(t), func(t *testing.T, typ *abi.ProgType) {
		r := typ.Returns
		for _, k := range []int32{-4096, -4095, -2, -1, 0, 1, 2, 3, 4, 5, 6, 7, 8, 100, 65535, 1<<31 - 1} {
			ours := !r.Bounded() || int64(k) >= r.Min && int64(k) <= r.Max
			require.Equal(t, load(typ, false, asm.Mov.Imm(asm.R0, k), asm.Return()) == nil, ours, "return %d", k)
		}
		unknown := load(typ, false, asm.FnGetPrandomU32.Call(), asm.Return()) == nil
		require.Equal(t, unknown, !r.Bounded(), "return any number")
	})
}

func TestLoadAbsIsTheKernels(t *testing.T) {
	each(t, oracle(t), func(t *testing.T, typ *abi.ProgType) {
		kernel := load(typ, false, asm.Mov.Reg(asm.R6, asm.R1), asm.LoadAbs(0, asm.Byte), legal(typ), asm.Return()) == nil
		require.Equal(t, kernel, typ.LoadAbs)
	})
}

// lastHelper is the highest number of Linux 6.18's list.
const lastHelper = 211

// allowed are the helpers that the kernel lets programs of a type call.
func allowed(t *testing.T, typ *abi.ProgType) map[uint32]bool {
	ids := map[uint32]bool{}
	for id := uint32(1); id <= lastHelper; id++ {
		call := asm.BuiltinFunc(id).Call()
		err := load(typ, true, call, legal(typ), asm.Return())
		if err == nil {
			ids[id] = true
			continue
		}
		var refused *ebpf.VerifierError
		require.ErrorAs(t, err, &refused, "helper %d", id)
		text := fmt.Sprintf("%+v", refused)
		if !strings.Contains(text, "cannot use helper") && !strings.Contains(text, "unknown func") {
			ids[id] = true
		}
	}
	return ids
}

func TestHelpersOfTypesAreTheKernels(t *testing.T) {
	set := oracle(t)
	kernel, types := map[string]map[uint32]bool{}, map[uint32]int{}
	each(t, set, func(t *testing.T, typ *abi.ProgType) {
		kernel[typ.Name] = allowed(t, typ)
		for id := range kernel[typ.Name] {
			types[id]++
		}
	})
	for i := range set.Types {
		typ := &set.Types[i]
		ids, ok := kernel[typ.Name]
		for id := uint32(1); id <= lastHelper && ok; id++ {
			name := "bpf_" + builtin(id)
			everywhere := types[id] == len(kernel) // another set declares what every type may call
			require.Equal(t, ids[id] && !everywhere, typ.MayCall(&abi.Helper{Name: name}), "%s: helper %d %s", typ.Name, id, name)
			if h := set.HelperByID(id); h != nil {
				require.Equal(t, name, h.Name)
			}
		}
	}
}

// builtin is the kernel's name of a helper, without its prefix: "FnMapLookupElem" is "map_lookup_elem".
func builtin(id uint32) string {
	var b strings.Builder
	for i, c := range strings.TrimPrefix(asm.BuiltinFunc(id).String(), "Fn") {
		if i > 0 && c >= 'A' && c <= 'Z' {
			b.WriteByte('_')
		}
		b.WriteString(strings.ToLower(string(c)))
	}
	return b.String()
}
