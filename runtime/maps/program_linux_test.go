package maps

import (
	"encoding/binary"

	"math/rand/v2"
	"runtime"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/bpfc/bpfc/core/codegen"
)

// What only programs can do with a map is compared by small programs of raw tracepoints, run by BPF_PROG_TEST_RUN.

// insn is an instruction: opcode, registers (source above), offset, immediate.
func insn(op, regs byte, off int16, imm int32) []byte {
	b := []byte{op, regs}
	b = binary.LittleEndian.AppendUint16(b, uint16(off))
	return binary.LittleEndian.AppendUint32(b, uint32(imm))
}

func mov(reg byte, imm int32) []byte { return insn(0xb7, reg, 0, imm) }

func copyReg(to, from byte) []byte { return insn(0xbf, from<<4|to, 0, 0) }

func call(helper int32) []byte { return insn(0x85, 0, 0, helper) }

// loadMap puts a map into a register: BPF_PSEUDO_MAP_FD.
func loadMap(reg byte, fd int) []byte {
	return append(insn(0x18, 1<<4|reg, 0, int32(fd)), make([]byte, 8)...)
}

var exit = insn(0x95, 0, 0, 0)

// Numbers of helpers.
const (
	helperStackID     = 27
	helperRingOutput  = 130
	helperRingReserve = 131
	helperRingSubmit  = 132
	helperRingDiscard = 133
	helperRingQuery   = 134
)

// program loads one, which goes away with the test.
func program(t *testing.T, parts ...[]byte) int {
	const rawTracepoint = 17
	insns, license := slices.Concat(parts...), []byte("GPL\x00")
	a := make([]byte, 48)
	binary.LittleEndian.PutUint32(a, rawTracepoint)
	binary.LittleEndian.PutUint32(a[4:], uint32(len(insns)/8))
	binary.LittleEndian.PutUint64(a[8:], pointer(insns))
	binary.LittleEndian.PutUint64(a[16:], pointer(license))
	fd, errno := bpf(unix.BPF_PROG_LOAD, a)
	runtime.KeepAlive(insns)
	runtime.KeepAlive(license)
	if errno == codegen.EPERM {
		t.Skip("no programs can be loaded here")
	}
	require.Equal(t, codegen.OK, errno)
	t.Cleanup(func() { _ = unix.Close(fd) })
	return fd
}

// runOnce is what the program returns.
func runOnce(t *testing.T, fd int) int32 {
	a := make([]byte, 80)
	binary.LittleEndian.PutUint32(a, uint32(fd))
	_, errno := bpf(unix.BPF_PROG_TEST_RUN, a)
	require.Equal(t, codegen.OK, errno)
	return int32(binary.LittleEndian.Uint32(a[4:]))
}

// A stack has the same number as in the kernel.
func TestKernelStackNumbers(t *testing.T) {
	needKernel(t)
	s := spec(typeStackTrace, 4, 8*maxTrace, 1<<14, 0)
	k, errno := create(s, 0, 1)
	require.Equal(t, codegen.OK, errno)
	defer k.close()
	id := runOnce(t, program(t, loadMap(2, k.fd), mov(3, 0), call(helperStackID), exit))
	require.GreaterOrEqual(t, id, int32(0))
	v, errno := k.get(unix.BPF_MAP_LOOKUP_ELEM, le(uint32(id)), 0)
	require.Equal(t, codegen.OK, errno)
	var stack []uint64
	for i := 0; i < len(v) && word(v, i/8) != 0; i += 8 {
		stack = append(stack, word(v, i/8))
	}
	require.NotEmpty(t, stack)
	m := newWorld(1).mapOf(t, s, nil).(StackTrace)
	ours, errno := m.Store(stack, 0)
	require.Equal(t, codegen.OK, errno)
	require.Equal(t, uint32(id), ours)
	got, errno := m.Get(le(ours))
	require.Equal(t, codegen.OK, errno)
	require.Equal(t, v, got)
}

// ringPrograms do one thing each with a ring buffer of the kernel.
type ringPrograms struct {
	output, submit, discard map[int32]int // by the record's size
	query                   [5]int
}

var ringSizes = []int32{0, 1, 7, 8, 9, 100, 500, 1000, 2000, 3000, 4072, 4079, 4080, 4081, 4088, 4096, 5000}

func newRingPrograms(t *testing.T, ring int) *ringPrograms {
	p := &ringPrograms{output: map[int32]int{}, submit: map[int32]int{}, discard: map[int32]int{}}
	for _, n := range ringSizes {
		p.submit[n] = reserving(t, ring, n, helperRingSubmit)
		p.discard[n] = reserving(t, ring, n, helperRingDiscard)
		if n <= 500 {
			p.output[n] = program(t, copyReg(2, 10), insn(0x07, 2, 0, -504), loadMap(1, ring), mov(3, n), mov(4, 0), call(helperRingOutput), exit)
		}
	}
	for what := range p.query {
		p.query[what] = program(t, loadMap(1, ring), mov(2, int32(what)), call(helperRingQuery), exit)
	}
	return p
}

// reserving reserves n bytes and ends the reservation; it returns 1 if there was no room.
func reserving(t *testing.T, ring int, n, end int32) int {
	return program(t,
		loadMap(1, ring), mov(2, n), mov(3, 0), call(helperRingReserve),
		insn(0x55, 0, 2, 0), // if r0 != 0 go on
		mov(0, 1), exit,
		copyReg(1, 0), mov(2, 0), call(end), mov(0, 0), exit)
}

// The ring accepts and refuses what the kernel's does, and its positions are the same.
func TestKernelRing(t *testing.T) {
	needKernel(t)
	s := spec(typeRingBuf, 0, 0, 4096, 0)
	k, errno := create(s, 0, 1)
	require.Equal(t, codegen.OK, errno)
	defer k.close()
	if unix.Getpagesize() != page {
		t.Skip("pages of another size")
	}
	consumer, err := unix.Mmap(k.fd, 0, page, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	require.NoError(t, err)
	defer func() { require.NoError(t, unix.Munmap(consumer)) }()
	programs := newRingPrograms(t, k.fd)
	ring := newWorld(1).mapOf(t, s, nil).(codegen.Ring)
	r := rand.New(rand.NewPCG(5, 6))
	for i := range 600 {
		n := pick(r, ringSizes)
		what, kernel, ours := ringStep(t, r, programs, ring, n)
		if what == "" {
			store(&words64(consumer)[0], uint64(uint32(runOnce(t, programs.query[ringProducer]))))
			ring.Consume()
		}
		require.Equal(t, kernel, ours, "step %d: %s of %d bytes", i, what, n)
		for q := range programs.query {
			require.Equal(t, uint32(runOnce(t, programs.query[q])), uint32(ring.Query(uint64(q))), "step %d: query %d after %s of %d bytes", i, q, what, n)
		}
	}
}

// ringStep does one thing in both: what it was is "" if everything is to be consumed.
func ringStep(t *testing.T, r *rand.Rand, p *ringPrograms, ring codegen.Ring, n int32) (what string, kernel, ours int32) {
	switch fd, small := p.output[n]; {
	case r.IntN(4) == 0:
		return "", 0, 0
	case small && r.IntN(2) == 0:
		return "output", runOnce(t, fd), int32(ring.Output(make([]byte, n)).Ret())
	case r.IntN(2) == 0:
		return "discard", runOnce(t, p.discard[n]), reserveAndEnd(ring, n, true)
	}
	return "submit", runOnce(t, p.submit[n]), reserveAndEnd(ring, n, false)
}

func reserveAndEnd(ring codegen.Ring, n int32, discard bool) int32 {
	addr := ring.Reserve(uint64(n))
	if addr == 0 {
		return 1
	}
	ring.Commit(addr, discard)
	return 0
}
