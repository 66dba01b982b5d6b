package helpers

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/sdk"
	"github.com/bpfc/bpfc/sdk/asm"
	"github.com/bpfc/bpfc/sdk/builtin"
)

// What compilers expand is compared with the sets' helpers in Go: the same program, compiled with the intrinsics and
// without, gets the same arguments and leaves the same result, packet and maps.

// question is what a program finds in its map "in": numbers, and memory behind them.
type question struct {
	n      [5]uint64
	memory [memorySize]byte
}

const (
	memorySize = 640
	memoryAt   = 40 // in the value
)

// inputs is the map "in"; it is also what helpers write to.
var inputs = abi.MapSpec{Name: "in", Type: abi.MapTypeArray, KeySize: 4, ValueSize: memoryAt + memorySize, MaxEntries: 1}

// asking begins a program of a type with R6 as its context and R7 as its question's address.
func asking(typ string, more ...abi.MapSpec) *asm.Builder {
	b := asm.New("expanded").License("GPL").Map(inputs)
	for _, m := range more {
		b.Map(m)
	}
	return b.Program("main", typ, "").Add(asm.MovReg(asm.R6, asm.R1), asm.StW(asm.R10, -4, 0), asm.MovReg(asm.R2, asm.R10), asm.AddImm(asm.R2, -4),
		asm.LoadMap(asm.R1, "in"), asm.Call(1), asm.JNEImm(asm.R0, 0, "there"), asm.Exit()).
		Label("there").Add(asm.MovReg(asm.R7, asm.R0))
}

// bounded loads number i of the question, not above a bound.
func bounded(b *asm.Builder, r asm.Reg, i int, most int32) {
	label := fmt.Sprintf("bounded%d", i)
	b.Add(asm.LdxDW(r, asm.R7, int16(8*i)), asm.JLEImm(r, most, label), asm.MovImm(r, most)).Label(label)
}

// finish ends the program.
func finish(t *testing.T, b *asm.Builder) *sdk.Object {
	o, err := b.Add(asm.Exit()).Build()
	require.NoError(t, err)
	return o
}

// plain is the sets without what compilers know of the helper.
func plain(t *testing.T, helper string) *abi.Set {
	set := allSets(t)
	require.NotEqual(t, abi.IntrinsicNone, set.HelperByName(helper).Intrinsic)
	set.HelperByName(helper).Intrinsic = abi.IntrinsicNone
	return set
}

// linked are the back ends that run here.
func linked() map[string]sdk.Backend {
	all := map[string]sdk.Backend{"interp": builtin.Interp()}
	if runtime.GOOS == "linux" && runtime.GOARCH == "amd64" {
		all["amd64"] = builtin.AMD64()
	}
	return all
}

// ways are a program with the helper in Go, which is the first, and expanded, on each back end.
type ways struct {
	names    []string
	programs []*sdk.Program
}

func load(t *testing.T, o *sdk.Object, helper string) *ways {
	w := &ways{}
	add := func(name string, b sdk.Backend, set *abi.Set) {
		p, err := sdk.Load(t.Context(), o, b, sdk.Options{Set: set, CPU: sdk.HostCPU(), CPUs: 2, Env: map[string]any{"seed": 77}})
		require.NoError(t, err, "%s", name)
		t.Cleanup(func() { require.NoError(t, p.Close()) })
		w.names, w.programs = append(w.names, name), append(w.programs, p)
	}
	add("Go", builtin.Interp(), plain(t, helper))
	for name, b := range linked() {
		add(name, b, allSets(t))
	}
	return w
}

// answer is what a run leaves.
type answer struct {
	Ret  uint64
	Mem  []byte
	Maps map[string][]sdk.MapEntry
}

// ask runs a program on a question and a packet.
func ask(t *testing.T, p *sdk.Program, q *question, packet []byte) (a answer) {
	value, err := binary.Append(nil, binary.LittleEndian, q)
	require.NoError(t, err)
	_, err = p.Maps(t.Context(), sdk.MapOp{Kind: sdk.MapPut, Map: "in", Key: make([]byte, 4), Value: value})
	require.NoError(t, err)
	res, err := p.Exec(t.Context(), sdk.Input{Mem: bytes.Clone(packet)})
	require.NoError(t, err)
	a = answer{Ret: res.Ret, Mem: res.Mem, Maps: map[string][]sdk.MapEntry{}}
	for _, m := range []string{"in", "out"} {
		all, err := p.Maps(context.Background(), sdk.MapOp{Kind: sdk.MapIterate, Map: m})
		if err == nil {
			a.Maps[m] = all[0].Entries
		}
	}
	return a
}

// agree asks all ways the same, and returns what they answer.
func (w *ways) agree(t *testing.T, q *question, packet []byte) answer {
	want := ask(t, w.programs[0], q, packet)
	for i, p := range w.programs[1:] {
		require.Equal(t, want, ask(t, p, q, packet), "%s of %v", w.names[i+1], q.n)
	}
	return want
}

// drawQuestion draws memory of which much is zeros or ones, where sums are special.
func drawQuestion(r *rand.Rand, n ...uint64) *question {
	q := &question{}
	copy(q.n[:], n)
	kind := r.IntN(4)
	for i := range q.memory {
		q.memory[i] = [...]byte{0, 0xff, byte(r.Uint32()), byte(r.Uint32() % 3 * 0x7f)}[kind]
	}
	return q
}

// packetOf is n bytes behind an Ethernet header.
func packetOf(r *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	copy(b[12:], []byte{0x08, 0x00, 0x45})
	return b
}

const runsOfEach = 90

func TestUpdatesInCode(t *testing.T) {
	for _, typ := range []uint32{abi.MapTypeArray, abi.MapTypePerCPUArray} {
		for _, size := range []uint32{1, 3, 4, 7, 8, 12, 16, 23, 64, 511, 512, 513} {
			t.Run(fmt.Sprintf("type %d of %d", typ, size), func(t *testing.T) {
				out := abi.MapSpec{Name: "out", Type: typ, KeySize: 4, ValueSize: size, MaxEntries: 5}
				b := asking("sched_cls", out)
				w := load(t, finish(t, b.Add(asm.LoadMap(asm.R1, "out"), asm.MovReg(asm.R2, asm.R7), asm.MovReg(asm.R3, asm.R7), asm.AddImm(asm.R3, memoryAt+3),
					asm.LdxDW(asm.R4, asm.R7, 8), asm.Call(2))), "bpf_map_update_elem")
				r, results := drawn(), map[uint64]int{}
				for range runsOfEach / 3 {
					flags := pick[uint64](r, 0, 0, 0, 1, 1, 1, 2, 2, 3, 4, 5, 6, 7, 8, 1<<32, 1<<32|2, 1<<63)
					results[w.agree(t, drawQuestion(r, pick[uint64](r, 0, 1, 2, 3, 4, 4, 4, 5, 6, 1<<31, 1<<32-1, 1<<32), flags), packetOf(r, 60)).Ret]++
				}
				require.GreaterOrEqual(t, len(results), 4, "0, EEXIST, E2BIG, EINVAL: %v", results)
			})
		}
	}
}

// An update of an array that another map holds, whose size the code does not know.
func TestUpdatesOfInnerArrays(t *testing.T) {
	const arrayOfMaps = abi.MapTypeArrayOfMaps
	inner := abi.MapSpec{Name: "out", Type: abi.MapTypeArray, KeySize: 4, ValueSize: 20, MaxEntries: 3}
	outer := abi.MapSpec{Name: "outer", Type: arrayOfMaps, KeySize: 4, ValueSize: 4, MaxEntries: 1, Inner: 2}
	b := asking("sched_cls", inner, outer)
	w := load(t, finish(t, b.Add(asm.LoadMap(asm.R1, "outer"), asm.MovReg(asm.R2, asm.R10), asm.AddImm(asm.R2, -4), asm.Call(1), asm.JEQImm(asm.R0, 0, "none"),
		asm.MovReg(asm.R1, asm.R0), asm.MovReg(asm.R2, asm.R7), asm.MovReg(asm.R3, asm.R7), asm.AddImm(asm.R3, memoryAt), asm.LdxDW(asm.R4, asm.R7, 8), asm.Call(2)).
		Label("none")), "bpf_map_update_elem")
	for _, p := range w.programs {
		list, err := p.Maps(t.Context(), sdk.MapOp{Kind: sdk.MapList})
		require.NoError(t, err)
		for _, e := range list[0].Entries {
			if e.Map.Name == "out" {
				res, err := p.Maps(t.Context(), sdk.MapOp{Kind: sdk.MapPut, Map: "outer", Key: make([]byte, 4), Value: e.Value})
				require.NoError(t, err)
				require.Empty(t, res[0].Err)
			}
		}
	}
	r, stored := drawn(), 0
	for range runsOfEach {
		if w.agree(t, drawQuestion(r, uint64(r.IntN(5)), pick[uint64](r, 0, 0, 1, 2, 4)), packetOf(r, 60)).Ret == 0 {
			stored++
		}
	}
	require.Positive(t, stored)
}

// Random numbers are the same, and go on alike, however they are made, on each CPU.
func TestRandomNumbersInCode(t *testing.T) {
	b := asking("sched_cls")
	b.Add(asm.Call(7), asm.StxDW(asm.R7, memoryAt, asm.R0), asm.Call(7), asm.StxDW(asm.R7, memoryAt+8, asm.R0), asm.Call(7))
	w := load(t, finish(t, b), "bpf_get_prandom_u32")
	r, seen := drawn(), map[uint64]bool{}
	for range 20 {
		seen[w.agree(t, drawQuestion(r), packetOf(r, 60)).Ret] = true
	}
	require.Len(t, seen, 20)
	for i, p := range w.programs {
		first, err := p.Worker(t.Context())
		require.NoError(t, err)
		second, err := p.Worker(t.Context())
		require.NoError(t, err)
		a, err := first.RunContext(nil, packetOf(r, 60))
		require.NoError(t, err)
		b, err := second.RunContext(nil, packetOf(r, 60))
		require.NoError(t, err)
		require.NotEqual(t, a, b, "CPUs have sequences of their own")
		if i == 0 {
			seen = map[uint64]bool{a: true, b: true}
		}
		require.True(t, seen[a] && seen[b], "%s", w.names[i])
		first.Release()
		second.Release()
	}
}

// Sums of memory in a map, on the stack and in the packet, of every size around those of the pieces, and of nothing.
func TestSumsInCode(t *testing.T) {
	const most = 200
	old := map[string]func(b *asm.Builder){
		"map":    func(b *asm.Builder) { b.Add(asm.MovReg(asm.R1, asm.R7), asm.AddImm(asm.R1, memoryAt+1)) },
		"packet": func(b *asm.Builder) { b.Add(asm.MovReg(asm.R1, asm.R8)) },
	}
	for name, from := range old {
		t.Run(name, func(t *testing.T) {
			b := asking("sched_cls")
			b.Add(asm.LdxW(asm.R8, asm.R6, 76), asm.LdxW(asm.R1, asm.R6, 80), asm.MovReg(asm.R2, asm.R8), asm.AddImm(asm.R2, most), asm.JLEReg(asm.R2, asm.R1, "long"),
				asm.MovImm(asm.R0, 0), asm.Exit()).Label("long")
			bounded(b, asm.R2, 0, most)
			bounded(b, asm.R4, 1, most)
			from(b)
			b.Add(asm.MovReg(asm.R3, asm.R7), asm.AddImm(asm.R3, memoryAt+100), asm.LdxDW(asm.R5, asm.R7, 16), asm.Call(28))
			w := load(t, finish(t, b), "bpf_csum_diff")
			r := drawn()
			for i := range 3 * runsOfEach {
				n, m := uint64(i%36), uint64(r.IntN(most+1))
				if i%3 == 0 {
					n, m = m, n
				}
				if r.IntN(5) == 0 {
					n = 0
				}
				if r.IntN(5) == 0 {
					m = 0
				}
				packet := packetOf(r, most)
				if r.IntN(2) == 0 {
					packet = bytes.Repeat([]byte{pick[byte](r, 0, 0xff)}, most)
				}
				w.agree(t, drawQuestion(r, n, m, pick[uint64](r, 0, 0, 1, 0xffff, 0xffff0000, 0xffffffff, 1<<32, r.Uint64())), packet)
			}
		})
	}
	t.Run("nothing", func(t *testing.T) {
		b := asking("sched_cls")
		b.Add(asm.MovImm(asm.R1, 0), asm.MovImm(asm.R2, 0), asm.MovImm(asm.R3, 0), asm.MovImm(asm.R4, 0), asm.LdxDW(asm.R5, asm.R7, 0), asm.Call(28))
		w := load(t, finish(t, b), "bpf_csum_diff")
		r := drawn()
		for _, sum := range []uint64{0, 1, 0xffff, 0x10000, 0xffffffff, 0x1ffffffff, r.Uint64()} {
			w.agree(t, drawQuestion(r, sum), packetOf(r, 60))
		}
	})
	t.Run("stack", func(t *testing.T) {
		b := asking("sched_cls")
		b.Add(asm.LdxDW(asm.R1, asm.R7, memoryAt), asm.StxDW(asm.R10, -16, asm.R1), asm.LdxDW(asm.R1, asm.R7, memoryAt+8), asm.StxDW(asm.R10, -24, asm.R1),
			asm.MovReg(asm.R1, asm.R10), asm.AddImm(asm.R1, -16), asm.MovImm(asm.R2, 8), asm.MovReg(asm.R3, asm.R10), asm.AddImm(asm.R3, -24), asm.MovImm(asm.R4, 8),
			asm.LdxDW(asm.R5, asm.R7, 0), asm.Call(28))
		w := load(t, finish(t, b), "bpf_csum_diff")
		r := drawn()
		for range runsOfEach {
			w.agree(t, drawQuestion(r, pick[uint64](r, 0, 0xffffffff, r.Uint64())), packetOf(r, 60))
		}
	})
}

// packetHelper is a helper that copies bytes of packets, and types that call it.
type packetHelper struct {
	name  string
	id    int32
	types []string
	flags bool
}

var packetHelpers = []packetHelper{
	{"bpf_skb_load_bytes", 26, []string{"sched_cls", "cgroup_skb", "lwt_xmit", "flow_dissector", "socket_filter"}, false},
	{"bpf_skb_store_bytes", 9, []string{"sched_cls", "lwt_xmit"}, true},
	{"bpf_xdp_load_bytes", 189, []string{"xdp"}, false},
	{"bpf_xdp_store_bytes", 190, []string{"xdp"}, false},
}

// Bytes of packets, of every length around those of the pieces, known or not, at offsets around the packet's end.
func TestPacketBytesInCode(t *testing.T) {
	for _, h := range packetHelpers {
		for _, typ := range h.types {
			for _, known := range []int32{0, 1, 2, 7, 14, 64, 65} {
				t.Run(fmt.Sprintf("%s of %s %d", h.name, typ, known), func(t *testing.T) { h.compare(t, typ, known) })
			}
		}
	}
}

func (h *packetHelper) compare(t *testing.T, typ string, known int32) {
	const most = 300
	b := asking(typ)
	if known == 0 {
		bounded(b, asm.R4, 1, most)
		b.Add(asm.JNEImm(asm.R4, 0, "some"), asm.MovImm(asm.R4, 1)).Label("some")
	} else {
		b.Add(asm.MovImm(asm.R4, known))
	}
	b.Add(asm.MovReg(asm.R1, asm.R6), asm.LdxDW(asm.R2, asm.R7, 0), asm.MovReg(asm.R3, asm.R7), asm.AddImm(asm.R3, memoryAt+5))
	if h.flags {
		b.Add(asm.LdxDW(asm.R5, asm.R7, 16))
	}
	b.Add(asm.Call(h.id))
	if typ == "cgroup_skb" || typ == "socket_filter" || typ == "flow_dissector" {
		b.Add(asm.StxDW(asm.R7, 32, asm.R0), asm.MovImm(asm.R0, 1))
	}
	w := load(t, finish(t, b), h.name)
	r := drawn()
	long := packetOf(r, 70_000)
	for i := range runsOfEach {
		packet, n := packetOf(r, 60+r.IntN(400)), uint64(1+r.IntN(40))
		if r.IntN(4) == 0 {
			n = uint64(1 + r.IntN(most))
		}
		size := n
		if known > 0 {
			size = uint64(known)
		}
		if i%20 == 0 && typ == "xdp" {
			packet = long
		}
		end := uint64(len(packet))
		offset := pick(r, 0, uint64(r.IntN(60)), uint64(r.IntN(60)), uint64(r.IntN(60)), end-size, end-size, end-size+1, end-size-14, end-size-13, end, end-1,
			0xffff, 0xffff-size, 0x10000-size, 0x10000, 1<<31-1, 1<<31, 1<<32-1, 1<<32-size, 1<<32, 1<<32+3, 1<<63)
		w.agree(t, drawQuestion(r, offset, n, pick[uint64](r, 0, 0, 0, 1, 2, 3, 4, 1<<32, 1<<63)), packet)
	}
}
