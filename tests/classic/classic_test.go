// Package classic compares what becomes of classic filters with a reference interpreter.
package classic

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpfc/bpfc/frontends/cbpf"
	"github.com/bpfc/bpfc/frontends/cbpf/cbpftest"
	"github.com/bpfc/bpfc/sdk"
	"github.com/bpfc/bpfc/sdk/builtin"
)

// long reports whether the tests take their time.
func long() bool { return os.Getenv("BPFC_LONG") != "" }

// engine is a way to run filters.
type engine struct {
	name    string
	backend sdk.Backend
	session sdk.Session
	set     *sdk.Set
}

func newEngine(t testing.TB, name string) *engine {
	b, ok := builtin.Backend(name)
	require.True(t, ok)
	set := builtin.Linux()
	s, err := b.(sdk.Runner).Open(context.Background(), sdk.Spec{Set: set, CPUs: 1})
	if err != nil {
		t.Skipf("%s does not run here: %v", name, err)
	}
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return &engine{name, b, s, set}
}

// tooComplex is the code of programs that the verifier does not get through.
const tooComplex = "BV041"

// load loads a filter; the verifier must prove it whole, unless it does not get through: then nil.
func (e *engine) load(t testing.TB, insns []cbpf.Insn, d cbpf.Dialect, o cbpf.Options) *sdk.Program {
	object, err := cbpf.Convert("filter", insns, d, o)
	require.NoError(t, err)
	a, err := sdk.Compile(context.Background(), object, e.backend, sdk.Options{Set: e.set, CPU: sdk.HostCPU()})
	if v, ok := errors.AsType[*sdk.VerifyError](err); ok && v.Code == tooComplex {
		return nil
	}
	require.NoError(t, err, "%s, %s:\n%s", e.name, object.Programs[0].Type, text(insns))
	all, err := sdk.LoadInto(context.Background(), e.session, a)
	require.NoError(t, err)
	return all[0]
}

func text(insns []cbpf.Insn) string {
	var s strings.Builder
	for i, in := range insns {
		fmt.Fprintf(&s, "%3d %-6s %#4x %3d %3d %#x\n", i, in.Row().Name, in.Code, in.Jt, in.Jf, in.K)
	}
	return s.String()
}

// contextOf is the struct cbpf_md of a packet.
func contextOf(p *cbpftest.Packet) []byte {
	v := func(a cbpf.Anc) uint32 { return p.Info.Values[a/4] }
	device := uint32(0)
	if p.Info.Device {
		device = 1
	}
	var b []byte
	for _, w := range []uint32{
		0, 0, p.Wire, v(cbpf.AncProtocol), v(cbpf.AncPktType), v(cbpf.AncIfindex), v(cbpf.AncMark), v(cbpf.AncQueue), v(cbpf.AncHatype), v(cbpf.AncRxhash),
		v(cbpf.AncCPU), v(cbpf.AncVlanTag), v(cbpf.AncVlanPresent), v(cbpf.AncVlanTpid), v(cbpf.AncPayOffset), device, uint32(p.Info.Net), uint32(p.Info.Link),
	} {
		b = binary.LittleEndian.AppendUint32(b, w)
	}
	return b
}

// input is a packet as programs of a type get it.
func input(typ string, p *cbpftest.Packet) sdk.Input {
	if typ == cbpf.TypeContext {
		return sdk.Input{Ctx: contextOf(p), Mem: p.Bytes}
	}
	return sdk.Input{Mem: p.Bytes}
}

// compare runs a filter on packets and compares with the reference. It is false if the verifier does not get through the filter.
func compare(t *testing.T, engines []*engine, insns []cbpf.Insn, d cbpf.Dialect, o cbpf.Options, packets []cbpftest.Packet) bool {
	want := make([]uint32, len(packets))
	for i := range packets {
		var ended bool
		want[i], ended = cbpftest.Run(insns, d, &packets[i], 1<<20)
		require.True(t, ended)
	}
	for _, e := range engines {
		p := e.load(t, insns, d, o)
		if p == nil {
			return false
		}
		in := sdk.Batch{Inputs: make([]sdk.Input, len(packets))}
		for i := range packets {
			in.Inputs[i] = input(p.Info().Type, &packets[i])
		}
		out, err := p.RunBatch(context.Background(), in)
		require.NoError(t, err)
		for i := range packets {
			r := &out.Results[i]
			if r.Fault != nil || uint32(r.Ret) != want[i] || r.Ret>>32 != 0 {
				t.Fatalf("%s, %s, packet %d: %#x, the reference has %#x, fault %v\n%spacket (%d on the wire, %+v): %x", e.name, p.Info().Type, i, r.Ret, want[i], r.Fault, text(insns),
					packets[i].Wire, packets[i].Info, packets[i].Bytes)
			}
		}
		require.NoError(t, p.Close())
	}
	return true
}

// drawPackets are packets of which something is known.
func drawPackets(r *rand.Rand, d cbpf.Dialect, n int) []cbpftest.Packet {
	var raw [][]byte
	if raw = cbpftest.Packets(4 * n); d == cbpf.Seccomp {
		raw = cbpftest.SeccompData(4 * n)
	}
	out := make([]cbpftest.Packet, n)
	for i := range out {
		p := cbpftest.Whole(raw[r.IntN(len(raw))])
		p.Wire += uint32(r.IntN(3) * r.IntN(1000))
		p.Info.Device, p.Info.Net, p.Info.Link = r.IntN(2) == 0, r.IntN(30)-8, r.IntN(20)-2
		for k := range p.Info.Values {
			p.Info.Values[k] = r.Uint32() >> r.IntN(32)
		}
		out[i] = p
	}
	return out
}

// TestPrograms compares random filters.
func TestPrograms(t *testing.T) {
	engines := []*engine{newEngine(t, "amd64"), newEngine(t, "interp")}
	n := 400
	if long() {
		n = 34000
	}
	for _, d := range []cbpf.Dialect{cbpf.Pcap, cbpf.Linux, cbpf.Seccomp} {
		t.Run(d.String(), func(t *testing.T) {
			refused, largest := 0, 0
			for seed := range uint64(n) {
				r := rand.New(rand.NewPCG(seed, uint64(d)))
				size := 1 + r.IntN(60)
				if seed%200 == 199 {
					size = 1 + r.IntN(600)
				}
				if seed%1000 == 999 {
					size = cbpf.MaxInsns
				}
				if !compare(t, engines, cbpftest.Program(r, d, size), d, cbpf.Options{}, drawPackets(r, d, 12)) {
					require.Greater(t, size, 300, "seed %d", seed)
					refused++
				} else if size == cbpf.MaxInsns {
					largest++
				}
			}
			t.Logf("%d filters, %d more too complex for the verifier; %d of %d instructions", n-refused, refused, largest, cbpf.MaxInsns)
			require.Less(t, refused, max(1, n/500))
		})
	}
}

// TestPacketsAlone compares filters for which packets are as long as they were on the wire.
func TestPacketsAlone(t *testing.T) {
	engines := []*engine{newEngine(t, "amd64"), newEngine(t, "interp")}
	packets := cbpftest.Packets(40)
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 7))
		insns := cbpftest.Program(r, cbpf.Pcap, 1+r.IntN(60))
		var in []cbpftest.Packet
		for _, p := range packets {
			in = append(in, cbpftest.Whole(p))
		}
		require.True(t, compare(t, engines, insns, cbpf.Pcap, cbpf.Options{Whole: true}, in))
	}
}

// TestExpressions compares what tcpdump makes of expressions.
func TestExpressions(t *testing.T) {
	engines := []*engine{newEngine(t, "amd64"), newEngine(t, "interp")}
	n, every := 60, 8
	if long() {
		n, every = 500, 1
	}
	var packets []cbpftest.Packet
	for _, p := range cbpftest.Packets(n) {
		packets = append(packets, cbpftest.Whole(p))
	}
	filters, expressions := 0, 0
	for i, expr := range cbpftest.Expressions() {
		if i%every != 0 {
			continue
		}
		for _, optimise := range []bool{true, false} {
			insns, ok := cbpftest.Compile(t, expr, optimise)
			if !ok {
				continue
			}
			if optimise {
				expressions++
			}
			for _, d := range []cbpf.Dialect{cbpf.Pcap, cbpf.Linux} {
				if cbpf.Check(insns, d) == nil {
					require.True(t, compare(t, engines, insns, d, cbpf.Options{}, packets), expr)
					filters++
				}
			}
		}
	}
	t.Logf("%d expressions, %d filters, %d packets", expressions, filters, len(packets))
}

// TestSeccomp compares filters for system calls: those that libseccomp has made of policies, on records near their rules, and one by hand.
func TestSeccomp(t *testing.T) {
	engines := []*engine{newEngine(t, "amd64"), newEngine(t, "interp")}
	f, err := cbpf.Parse("hand", []byte(byHand), cbpf.Asm)
	require.NoError(t, err)
	require.NoError(t, cbpf.Check(f.Insns, cbpf.Seccomp))
	var records []cbpftest.Packet
	for _, b := range cbpftest.SeccompData(500) {
		records = append(records, cbpftest.Whole(b))
	}
	for nr := range uint32(8) {
		for _, arg := range []uint64{0, 1, 2, 3, 1 << 32, 1<<32 | 1, 1<<63 | 7} {
			b := make([]byte, cbpf.DataSize)
			binary.LittleEndian.PutUint32(b, nr)
			binary.LittleEndian.PutUint32(b[4:], 0xc000003e)
			binary.LittleEndian.PutUint64(b[16:], arg)
			records = append(records, cbpftest.Whole(b))
		}
	}
	require.True(t, compare(t, engines, f.Insns, cbpf.Seccomp, cbpf.Options{}, records))
	n := 40
	if long() {
		n = 1000
	}
	for k, p := range cbpftest.Policies(t, n) {
		near := records[:100:100]
		for i := range 200 {
			near = append(near, cbpftest.Whole(p.Near(uint64(k+1000*i))))
		}
		require.True(t, compare(t, engines, p.Insns, cbpf.Seccomp, cbpf.Options{}, near))
	}
}

// byHand allows reads, writes to descriptors 1 and 2, and fails others with a number made of the call's.
const byHand = `
	ld [4]
	jne #0xc000003e, bad
	ld [0]
	jeq #0, good
	jne #1, fail
	ld [20]
	jne #0, bad
	ld [16]
	jeq #1, good
	jeq #2, good
	ld [0]
fail:	and #0xfff
	or #0x50000
	ret a
good:	ret #0x7fff0000
bad:	ret #0x80000000
`
