// Package helpers compares what the sets' helpers in Go do with what the running kernel's do: calls with the same
// arguments give the same results and leave the same memory. The kernel runs them in XDP programs by
// BPF_PROG_TEST_RUN (package kernel); ours are called directly, in a home for tests, and some of them from the same
// programs, compiled by our back ends.
package helpers

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/codegen"
	"github.com/bpfc/bpfc/core/codegen/codegentest"
	"github.com/bpfc/bpfc/core/isa"
	"github.com/bpfc/bpfc/core/obj"
	"github.com/bpfc/bpfc/plugins/helpers/base"
	"github.com/bpfc/bpfc/sdk"
	"github.com/bpfc/bpfc/sdk/builtin"
	"github.com/bpfc/bpfc/tests/kernel"
)

func TestMain(m *testing.M) { kernel.Main(m) }

// script is calls of helpers that share memory: data, strings that cannot be written, objects on the stack, a ring buffer.
type script struct {
	data    []byte
	strings []string
	steps   []step
	// compared is how many bytes of data are the same on both sides; 0 for all.
	compared int
	// alsoCompiled asks for runs as a program on our back ends, too.
	alsoCompiled bool
}

// storeAddress stands for a helper that stores its second argument, an address, where its first leads.
const storeAddress = "store"

// step is a call of a helper.
type step struct {
	helper string
	args   []arg
	result result
}

// arg is a number, or an address.
type arg struct {
	kind argKind
	n    int64
}

type argKind uint8

const (
	number argKind = iota
	inData
	inString
	onStack // number n of the objects on the stack, 16 bytes each
	inPacket
	theRing
)

func num(n int64) arg    { return arg{number, n} }
func data(off int) arg   { return arg{inData, int64(off)} }
func constant(i int) arg { return arg{inString, int64(i)} }
func object(i int) arg   { return arg{onStack, int64(i)} }
func ring() arg          { return arg{theRing, 0} }
func all(a ...arg) []arg { return a }
func null() arg          { return num(0) }

// result says what of R0 is compared.
type result uint8

const (
	whole   result = iota // all of it
	half                  // 32 bits: what a kernel function returns that gives an int
	octet                 // 8 bits: of one that gives a bool
	pointed               // whether it is an address, and the byte there
	nothing
)

// ringBytes is the size of the ring buffer.
const ringBytes = 4096

const (
	typeRing     = 27
	storeBytes   = 190 // bpf_xdp_store_bytes, include/uapi/linux/bpf.h
	dataSection  = 0
	stringData   = 1
	packetBytes  = 2048
	resultsBytes = 512 // at the end of the data section
	dataBytes    = packetBytes - resultsBytes
)

// builder makes the program of a script.
type builder struct {
	insns []isa.Insn
	refs  []obj.Ref
	slots int
}

func (b *builder) add(insns ...isa.Insn) {
	for _, in := range insns {
		b.insns = append(b.insns, in)
		b.slots++
		if in.Op == isa.LddwImm64 || in.Op == isa.LddwMapFD || in.Op == isa.LddwMapValueFD {
			b.slots++
		}
	}
}

// refer adds an instruction with a symbolic operand.
func (b *builder) refer(r obj.Ref, in isa.Insn) {
	r.Slot = b.slots
	b.refs = append(b.refs, r)
	b.add(in)
}

// address sets a register to an address in a data section.
func (b *builder) address(r isa.Reg, section, off int) {
	b.refer(obj.Ref{Kind: obj.RefData, Index: section, Addend: int64(off)}, isa.LoadMapValueFD(r, 0, 0))
}

func (b *builder) arg(r isa.Reg, a arg, at []int) {
	switch a.kind {
	case inData:
		b.address(r, dataSection, int(a.n))
	case inString:
		b.address(r, stringData, at[a.n])
	case onStack:
		b.add(isa.Mov64Reg(r, isa.R10), isa.Add.Imm(r, -16*int32(a.n+1)))
	case theRing:
		b.refer(obj.Ref{Kind: obj.RefMap}, isa.LoadMapFD(r, 0))
	default:
		b.add(isa.LoadImm64(r, a.n))
	}
}

// call calls a helper, or a function of the kernel, by its name.
func (b *builder) call(name string) {
	if name == storeAddress {
		b.add(isa.StoreMem(isa.R1, 0, isa.R2, 8))
		return
	}
	b.refer(obj.Ref{Kind: obj.RefHelper, Name: name}, isa.CallHelper(0))
}

// keep stores what is compared of R0.
func (b *builder) keep(r result, index int) {
	switch r {
	case nothing:
		b.add(isa.Mov64Imm(isa.R0, 0))
	case half:
		b.add(isa.Mov.Reg32(isa.R0, isa.R0))
	case octet:
		b.add(isa.And.Imm(isa.R0, 0xff))
	case pointed:
		b.add(isa.EQ.Imm(isa.R0, 0, 2), isa.LoadMem(isa.R0, isa.R0, 0, 1), isa.Add.Imm(isa.R0, 1))
	}
	b.address(isa.R1, dataSection, dataBytes+8*index)
	b.add(isa.StoreMem(isa.R1, 0, isa.R0, 8))
}

// object is the script as a program: the results follow the data in one section, which is copied to the packet in the end.
func (s *script) object() *obj.Object {
	constants, at := []byte(nil), []int(nil)
	for _, text := range s.strings {
		at = append(at, len(constants))
		constants = append(constants, text+"\x00"...)
	}
	o := &obj.Object{
		License: "GPL",
		Maps:    []abi.MapSpec{{Name: "ring", Type: typeRing, MaxEntries: ringBytes}},
		Data: []obj.Data{
			{Name: ".data", Align: 8, Bytes: append(slices.Clone(s.data), make([]byte, packetBytes-len(s.data))...)},
			{Name: ".rodata", Align: 1, ReadOnly: true, Bytes: append(constants, 0)},
		},
	}
	b := &builder{}
	b.add(isa.Mov64Reg(isa.R6, isa.R1))
	for i, st := range s.steps {
		for n, a := range st.args {
			b.arg(isa.R1+isa.Reg(n), a, at)
		}
		b.call(st.helper)
		b.keep(st.result, i)
	}
	b.add(isa.Mov64Reg(isa.R1, isa.R6), isa.Mov64Imm(isa.R2, 0))
	b.address(isa.R3, dataSection, 0)
	b.add(isa.Mov64Imm(isa.R4, packetBytes), isa.CallHelper(storeBytes), isa.EQ.Imm(isa.R0, 0, 1), isa.Mov64Imm(isa.R0, 1), isa.Return())
	o.Programs = []obj.Program{{Name: "script", Section: "xdp", Insns: isa.Prog(b.insns...), Refs: b.refs}}
	return o
}

// outcome is what a script has come to.
type outcome struct {
	results []uint64
	data    []byte
}

// sharedBytes is how many bytes of data are compared.
func (s *script) sharedBytes() int { return cmp.Or(s.compared, len(s.data)) }

// inKernel runs the script in the kernel. It reports the verifier's message if that refuses it.
func (s *script) inKernel(t testing.TB, o *kernel.Oracle, set *abi.Set) (out outcome, refused string) {
	object := s.object()
	code, err := kernel.CodeOf(object, &object.Programs[0], set)
	require.NoError(t, err)
	a := o.Ask(kernel.Question{Code: code, Run: &kernel.Run{Data: make([]byte, packetBytes)}})
	if a.Verdict == kernel.Rejected {
		return out, a.Message
	}
	require.Equal(t, kernel.Accepted, a.Verdict, "%s %s", a.Errno, a.Message)
	require.Empty(t, a.Ran.Err)
	require.Zero(t, a.Ran.Ret)
	return s.outcome(t, a.Ran.Data), ""
}

// outcome reads the packet that a program has left.
func (s *script) outcome(t testing.TB, packet []byte) (out outcome) {
	require.Len(t, packet, packetBytes)
	for i := range s.steps {
		out.results = append(out.results, binary.LittleEndian.Uint64(packet[dataBytes+8*i:]))
	}
	out.data = packet[:s.sharedBytes()]
	return out
}

// compiled runs the script as a program on a back end of ours.
func (s *script) compiled(t testing.TB, b codegen.Backend, set *abi.Set) outcome {
	p, err := sdk.Load(t.Context(), s.object(), b, sdk.Options{Set: set, CPUs: 1, CPU: sdk.HostCPU()})
	require.NoError(t, err, "%s", s)
	defer func() { require.NoError(t, p.Close()) }()
	res, err := p.RunBatch(t.Context(), codegen.Batch{Inputs: []codegen.Input{{Mem: make([]byte, packetBytes)}}})
	require.NoError(t, err, "%s", s)
	require.Nil(t, res.Results[0].Fault, "%s", s)
	require.Zero(t, res.Results[0].Ret, "%s", s)
	return s.outcome(t, res.Results[0].Mem)
}

// inGo runs the script with our helpers.
func (s *script) inGo(t testing.TB) (out outcome) {
	home := &codegentest.Home{}
	im, err := base.Implement(home)
	require.NoError(t, err)
	r := home.NewRing(abi.MapSpec{Name: "ring", Type: typeRing, MaxEntries: ringBytes})
	value, addr, err := home.Alloc(packetBytes)
	require.NoError(t, err)
	copy(value, s.data)
	var texts []uint64
	for _, text := range s.strings {
		texts = append(texts, home.Constant(text))
	}
	_, stack, err := home.Alloc(512)
	require.NoError(t, err)
	c := home.Call(0)
	for _, st := range s.steps {
		var args [5]uint64
		for i, a := range st.args {
			switch a.kind {
			case number:
				args[i] = uint64(a.n)
			case inData:
				args[i] = addr + uint64(a.n)
			case inString:
				args[i] = texts[a.n]
			case onStack:
				args[i] = stack + 512 - 16*uint64(a.n+1)
			case theRing:
				args[i] = r.Address()
			}
		}
		run := im.Helpers[st.helper]
		if st.helper == storeAddress {
			run = func(c codegen.Call, at, v, _, _, _ uint64) uint64 {
				binary.LittleEndian.PutUint64(c.Bytes(at, 8, true), v)
				return 0
			}
		}
		require.NotNil(t, run, st.helper)
		out.results = append(out.results, seen(st.result, run(c, args[0], args[1], args[2], args[3], args[4]), home))
	}
	out.data = value[:s.sharedBytes()]
	return out
}

// seen is what is compared of R0.
func seen(r result, r0 uint64, home *codegentest.Home) uint64 {
	switch {
	case r == nothing:
		return 0
	case r == half:
		return uint64(uint32(r0))
	case r == octet:
		return uint64(uint8(r0))
	case r == pointed && r0 != 0:
		return uint64(home.Bytes(r0, 1, false)[0]) + 1
	}
	return r0
}

func (s *script) String() string {
	var b strings.Builder
	for _, st := range s.steps {
		fmt.Fprintf(&b, "%s%v\n", st.helper, st.args)
	}
	return fmt.Sprintf("%sstrings %q\ndata %q", b.String(), s.strings, s.data[s.compared:])
}

// compare runs the script on both sides. It reports whether the kernel's verifier let it.
func (s *script) compare(t testing.TB, o *kernel.Oracle, set *abi.Set) bool {
	want, refused := s.inKernel(t, o, set)
	if refused != "" {
		return false
	}
	s.same(t, "the helper", want, s.inGo(t))
	if s.alsoCompiled {
		s.same(t, "interp", want, s.compiled(t, builtin.Interp(), set))
		if runtime.GOARCH == "amd64" {
			s.same(t, "amd64", want, s.compiled(t, builtin.AMD64(), set))
		}
	}
	return true
}

func (s *script) same(t testing.TB, what string, want, got outcome) {
	require.Equal(t, signed(want.results), signed(got.results), "results of %s\n%s", what, s)
	require.Equal(t, fmt.Sprintf("%q", want.data), fmt.Sprintf("%q", got.data), "memory of %s\n%s", what, s)
}

// allSets is the built-in sets.
func allSets(t testing.TB) *abi.Set {
	set, err := abi.Merge(base.Set(), builtin.Networking(), builtin.Tracing())
	require.NoError(t, err)
	return set
}

func signed(list []uint64) (out []int64) {
	for _, v := range list {
		out = append(out, int64(v))
	}
	return out
}

var _ codegen.Open = base.Implement
