// Package filter runs classic BPF filters, those of packet sockets, libpcap and seccomp, at the speed of native code.
//
//	f, err := filter.Compile(insns, filter.Pcap)
//	defer f.Close()
//	if f.Match(packet) != 0 { … }
//
// A filter is translated to eBPF, verified like any other program, and compiled to machine code. Where there is none (other
// systems than linux/amd64) the interpreter runs the same program. Packets are read in place; nothing uses cgo or starts a
// process.
package filter

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	goruntime "runtime"
	"sync"

	"github.com/bpfc/bpfc/sdk"
	"github.com/bpfc/bpfc/sdk/builtin"
)

// Insn is an instruction of a filter (struct sock_filter, include/uapi/linux/filter.h).
type Insn = builtin.ClassicInsn

// Dialect says whose rules a filter follows; docs/CLASSIC.md has what differs.
type Dialect = builtin.ClassicDialect

// The dialects.
const (
	Pcap    = builtin.ClassicPcap    // libpcap
	Linux   = builtin.ClassicLinux   // the kernel's socket filters
	Seccomp = builtin.ClassicSeccomp // the kernel's filters of system calls: the packet is a struct seccomp_data
)

// Error says which rule of its dialect a filter breaks, and where.
type Error = builtin.ClassicError

// Filter is a compiled filter. It is safe for concurrent use.
type Filter struct {
	insns   []Insn
	dialect Dialect
	plain   *sdk.Program                 // on a packet alone; nil if the filter asks for more
	full    func() (*sdk.Program, error) // with a context
	batches sync.Pool                    // of *batch
	mu      sync.Mutex
	loaded  []*sdk.Program // guarded by mu
	closed  bool           // guarded by mu
}

var errClosed = errors.New("it is closed")

// Compile makes a filter of instructions, which it copies. An error is an *Error if the filter breaks a rule of its dialect.
// The memory of a filter is freed by Close, or when nothing refers to the filter any more.
func Compile(insns []Insn, d Dialect) (*Filter, error) {
	f := &Filter{insns: append([]Insn(nil), insns...), dialect: d}
	f.batches.New = func() any { return new(batch) }
	p, typ, err := f.load(builtin.ClassicOptions{Whole: true})
	if err != nil {
		return nil, err
	}
	if typ == builtin.ClassicContext {
		f.full = func() (*sdk.Program, error) { return p, nil }
		return f, nil
	}
	f.plain = p
	f.full = sync.OnceValues(func() (*sdk.Program, error) {
		p, _, err := f.load(builtin.ClassicOptions{Context: true})
		return p, err
	})
	return f, nil
}

// load converts, compiles and loads the filter.
func (f *Filter) load(o builtin.ClassicOptions) (p *sdk.Program, typ string, err error) {
	object, err := builtin.ConvertClassic("filter", f.insns, f.dialect, o)
	if err != nil {
		return nil, "", err
	}
	h, err := home()
	if err != nil {
		return nil, "", err
	}
	ctx := context.Background()
	a, err := sdk.Compile(ctx, object, h.backend, sdk.Options{Set: h.set, CPU: h.cpu})
	if err != nil {
		return nil, "", fmt.Errorf("compiling a filter of %d instructions: %w", len(f.insns), err)
	}
	all, err := sdk.LoadInto(ctx, h.session, a)
	if err != nil {
		return nil, "", fmt.Errorf("loading a filter: %w", err)
	}
	p = all[0]
	goruntime.AddCleanup(f, func(p *sdk.Program) { _ = p.Close() }, p)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.loaded = append(f.loaded, p); f.closed {
		return nil, "", errors.Join(errClosed, p.Close())
	}
	return p, object.Programs[0].Type, nil
}

// house is what all filters of a process have in common.
type house struct {
	set     *sdk.Set
	backend sdk.Backend
	session sdk.Session
	cpu     string
}

// home opens the session of all filters, which is never closed.
var home = sync.OnceValues(func() (*house, error) {
	set, err := sdk.MergeSets(builtin.Base(), builtin.Networking())
	if err != nil {
		return nil, err
	}
	h := &house{set: set, backend: builtin.AMD64(), cpu: sdk.HostCPU()}
	if goruntime.GOOS != "linux" || goruntime.GOARCH != "amd64" {
		h.backend = builtin.Interp()
	}
	h.session, err = h.backend.(sdk.Runner).Open(context.Background(), sdk.Spec{Set: set, CPUs: goruntime.GOMAXPROCS(0)})
	return h, err
})

// Close ends the filter; calls that are under way end first.
func (f *Filter) Close() (err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, p := range f.loaded {
		err = errors.Join(err, p.Close())
	}
	f.closed = true
	return err
}

// Match runs the filter on a packet, as long as it was on the wire, and returns what the filter returns: how many bytes of
// the packet are accepted, 0 if it does not match; of a filter of system calls, the action. A filter that asks for more than
// the packet finds a zero Meta. Of filters of system calls the packet is a struct seccomp_data, and one that is shorter gives
// 0, which kills. Match panics if the filter is closed.
func (f *Filter) Match(packet []byte) uint32 {
	if f.plain == nil {
		return f.MatchMeta(packet, &Meta{})
	}
	if len(packet) < builtin.ClassicDataSize && f.dialect == Seccomp {
		return 0
	}
	ret, err := f.plain.Run(packet)
	goruntime.KeepAlive(f) // its cleanup closes the program
	if err != nil {
		panic("filter: " + err.Error())
	}
	return uint32(ret)
}

// Meta is what a filter may ask for beside the bytes of a packet.
type Meta struct {
	// Length is how long the packet was before it was cut off; 0: as long as it is.
	Length uint32
	// HasDevice: without a device, filters that ask for Ifindex or Hatype end with the number that they have computed so far.
	HasDevice       bool
	Ifindex, Hatype uint32
	// Protocol is an ETH_P_ number and VlanProto the one of the tag, both in the order of the machine; PktType is PACKET_HOST, ….
	Protocol, VlanProto, PktType uint32
	Mark, Queue, Hash, CPU       uint32
	VlanTCI                      uint32
	VlanPresent                  bool
	// Payload is where the payload begins.
	Payload uint32
	// NetworkHeader and LinkHeader are the offsets of headers from the start of the packet. A network header may lie before
	// it; a negative LinkHeader says that there is none.
	NetworkHeader, LinkHeader int32
}

// context is m as a struct cbpf_md: the words after the packet's two addresses.
func (m *Meta) context(b []byte, n int) []byte {
	length := m.Length
	if length == 0 {
		length = uint32(n)
	}
	flag := func(b bool) (v uint32) {
		if b {
			v = 1
		}
		return v
	}
	b = append(b, 0, 0, 0, 0, 0, 0, 0, 0)
	for _, w := range [...]uint32{
		length, m.Protocol, m.PktType, m.Ifindex, m.Mark, m.Queue, m.Hatype, m.Hash, m.CPU, m.VlanTCI, flag(m.VlanPresent), m.VlanProto, m.Payload,
		flag(m.HasDevice), uint32(m.NetworkHeader), uint32(m.LinkHeader),
	} {
		b = binary.LittleEndian.AppendUint32(b, w)
	}
	return b
}

// MatchMeta is Match of a packet of which more is known. Bytes beyond 16 MiB are not seen.
func (f *Filter) MatchMeta(packet []byte, m *Meta) uint32 {
	if f.dialect == Seccomp {
		return f.Match(packet)
	}
	p, err := f.full()
	if err == nil {
		var ret uint64
		if ret, err = f.runContext(p, packet, m); err == nil {
			return uint32(ret)
		}
	}
	panic("filter: " + err.Error())
}

func (f *Filter) runContext(p *sdk.Program, packet []byte, m *Meta) (uint64, error) {
	w, err := p.Worker(context.Background())
	if err != nil {
		return 0, err
	}
	defer goruntime.KeepAlive(f)
	defer w.Release()
	b := f.batches.Get().(*batch)
	defer f.batches.Put(b)
	b.context = m.context(b.context[:0], len(packet))
	return w.RunContext(b.context, packet[:min(len(packet), builtin.ClassicMaxPacket)])
}

// batch is what calls for many packets need.
type batch struct {
	context []byte
	rets    [256]uint64
}

// MatchBatch runs the filter on each of the packets, as Match does, and puts what it returns into verdicts, which must be at
// least as long. It enters machine code once for many packets.
func (f *Filter) MatchBatch(packets [][]byte, verdicts []uint32) {
	verdicts = verdicts[:len(packets)]
	if f.plain == nil || f.dialect == Seccomp {
		for i, p := range packets {
			verdicts[i] = f.Match(p)
		}
		return
	}
	b := f.batches.Get().(*batch)
	defer f.batches.Put(b)
	defer goruntime.KeepAlive(f)
	for len(packets) > 0 {
		n := min(len(packets), len(b.rets))
		if _, err := f.plain.RunEach(packets[:n], b.rets[:n]); err != nil {
			panic("filter: " + err.Error())
		}
		for i, r := range b.rets[:n] {
			verdicts[i] = uint32(r)
		}
		packets, verdicts = packets[n:], verdicts[n:]
	}
}
