package wire

import (
	"errors"
	"fmt"

	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/codegen"
	"github.com/bpfc/bpfc/sdk/internal/frompb"
	"github.com/bpfc/bpfc/sdk/internal/pb"
	"github.com/bpfc/bpfc/sdk/internal/topb"
)

// Sender brings a call to where the helper is implemented, and the answer back. The session is set by it.
type Sender func(*pb.HelperCall) (*pb.HelperReturn, error)

// Remote is a remote helper as the process that runs the program has it. It sends copies of the memory that the
// prototype describes, and lets in only what the verifier has relied on: the memory that the prototype says is
// written, and a result that it allows. What goes wrong ends the run with the error that explain makes of it.
func Remote(h *abi.Helper, send Sender, explain func(error) error) codegen.GoHelper {
	return func(c codegen.Call, r1, r2, r3, r4, r5 uint64) uint64 {
		r0, err := callRemote(h, send, c, []uint64{r1, r2, r3, r4, r5}[:h.NumArgs()])
		if err != nil {
			c.Fail(fmt.Errorf("helper %s: %w", h.Name, explain(err)))
			return 0
		}
		return r0
	}
}

func callRemote(h *abi.Helper, send Sender, c codegen.Call, args []uint64) (uint64, error) {
	m := &pb.HelperCall{Helper: h.Name, Args: args, Cpu: int64(c.CPU()), Program: c.Entry().Name, Type: c.Entry().Type}
	var written [][]byte
	for i, kind := range h.Args[:len(args)] {
		if (kind == abi.ArgCtx || kind == abi.ArgCtxOrNull) && args[i] != 0 {
			m.Context = c.Context()
		}
		mem, write, err := memory(h, c, args, i)
		if err != nil {
			return 0, err
		}
		if len(mem) == 0 {
			continue
		}
		m.Memory = append(m.Memory, &pb.Memory{Address: args[i], Bytes: mem, Write: write})
		if write {
			written = append(written, mem)
		}
	}
	r, err := send(m)
	if err != nil {
		return 0, err
	}
	return takeReturn(h, c, args, written, r)
}

// How the length of an argument's memory is known.
type extent uint8

const (
	noMemory extent = iota
	keyOfMap
	valueOfMap
	nextArgument
	fixedSize
)

// remoteArgs are the kinds of arguments that lead to memory which can be copied.
var remoteArgs = map[abi.ArgKind]struct {
	extent
	write bool
}{
	abi.ArgMapKey: {keyOfMap, false}, abi.ArgMapKeyOrNull: {keyOfMap, false},
	abi.ArgMapValue: {valueOfMap, false}, abi.ArgMapValueOrNull: {valueOfMap, false}, abi.ArgMapValueOut: {valueOfMap, true},
	abi.ArgMem: {nextArgument, false}, abi.ArgMemOrNull: {nextArgument, false},
	abi.ArgMemWrite: {nextArgument, true}, abi.ArgMemWriteOrNull: {nextArgument, true},
	abi.ArgFixedMem: {fixedSize, false}, abi.ArgFixedMemWrite: {fixedSize, true},
}

// maxRemote bounds the memory of an argument, so that a call and its answer fit into messages.
const maxRemote = MaxMessage / 16

// memory is the memory that argument i leads to, nil if none.
func memory(h *abi.Helper, c codegen.Call, args []uint64, i int) (mem []byte, write bool, err error) {
	kind := remoteArgs[h.Args[i]]
	if kind.extent == noMemory || args[i] == 0 {
		return nil, false, nil
	}
	n := uint64(h.Sizes[i])
	switch kind.extent {
	case nextArgument:
		n = args[i+1]
	case keyOfMap, valueOfMap:
		m := mapOf(h, c, args)
		if m == nil {
			return nil, false, errors.New("its argument is no map")
		}
		if n = uint64(m.Spec().KeySize); kind.extent == valueOfMap {
			n = uint64(m.Spec().ValueSize)
		}
	}
	if n > maxRemote {
		return nil, false, fmt.Errorf("argument %d leads to %d bytes; a remote helper takes at most %d", i+1, n, maxRemote)
	}
	if mem = c.Bytes(args[i], n, kind.write); mem == nil {
		return nil, false, fmt.Errorf("argument %d does not lead to %d bytes of the run", i+1, n)
	}
	return mem, kind.write, nil
}

// mapOf is the map among the arguments, nil if there is none.
func mapOf(h *abi.Helper, c codegen.Call, args []uint64) codegen.Map {
	for i := range args {
		switch h.Args[i] {
		case abi.ArgConstMap:
			return c.Map(args[i])
		case abi.ArgMapIndex:
			return c.MapAt(int(args[i]))
		}
	}
	return nil
}

// takeReturn checks an answer and takes it over.
func takeReturn(h *abi.Helper, c codegen.Call, args []uint64, written [][]byte, r *pb.HelperReturn) (uint64, error) {
	if r.GetFailure() != "" {
		return 0, errors.New(r.GetFailure())
	}
	if len(r.GetWritten()) != len(written) {
		return 0, garbage("%d pieces of written memory instead of %d", len(r.GetWritten()), len(written))
	}
	for i, mem := range r.GetWritten() {
		if len(mem) != len(written[i]) {
			return 0, garbage("%d bytes of written memory instead of %d", len(mem), len(written[i]))
		}
	}
	if err := checkResult(h, args, int64(r.GetRet())); err != nil {
		return 0, err
	}
	for i, mem := range r.GetWritten() {
		copy(written[i], mem)
	}
	for _, x := range frompb.Records(r.GetRecords()) {
		c.Record(x)
	}
	return r.GetRet(), nil
}

// checkResult demands what the verifier takes for granted of a result.
func checkResult(h *abi.Helper, args []uint64, r0 int64) error {
	bounds := h.Returns
	if bounds.Bounded() && (r0 < bounds.Min || r0 > bounds.Max) {
		return garbage("the result %d, which is not from %d to %d", r0, bounds.Min, bounds.Max)
	}
	if h.Flags&abi.FlagReturnsLength == 0 {
		return nil
	}
	const maxErrno = 4095
	for i, kind := range h.Args[:len(args)] {
		if (kind == abi.ArgSize || kind == abi.ArgSizeOrZero) && (r0 > int64(args[i]) || r0 < -maxErrno) {
			return garbage("the length %d, of %d bytes", r0, args[i])
		}
	}
	return nil
}

// serveCall runs a helper on what came with its call; the error is the one in the answer.
func serveCall(f codegen.GoHelper, m *pb.HelperCall) (*pb.HelperReturn, error) {
	c := &remoteCall{message: m, out: &pb.HelperReturn{}, entry: codegen.EntryInfo{Name: m.GetProgram(), Type: m.GetType()}}
	for i := range m.GetMemory() {
		if mem := m.GetMemory()[i]; mem.GetWrite() {
			c.out.Written = append(c.out.Written, mem.GetBytes())
		}
	}
	var r [5]uint64
	copy(r[:], m.GetArgs())
	c.out.Call, c.out.Ret = m.GetCall(), f(c, r[0], r[1], r[2], r[3], r[4])
	if c.err != nil {
		c.out.Failure = clip(c.err.Error())
	}
	return c.out, c.err
}

// remoteCall is a run in another process, as far as the call of a helper has brought it along.
type remoteCall struct {
	message *pb.HelperCall
	entry   codegen.EntryInfo
	out     *pb.HelperReturn
	err     error
}

var _ codegen.Call = (*remoteCall)(nil)

func (c *remoteCall) CPU() int                  { return int(c.message.GetCpu()) }
func (c *remoteCall) Entry() *codegen.EntryInfo { return &c.entry }

// Context is a copy; what changes in it stays here.
func (c *remoteCall) Context() []byte { return c.message.GetContext() }

// Bytes is memory that the prototype describes.
func (c *remoteCall) Bytes(addr, n uint64, write bool) []byte {
	if n == 0 {
		return []byte{}
	}
	for _, m := range c.message.GetMemory() {
		size := uint64(len(m.GetBytes()))
		if off := addr - m.GetAddress(); off < size && n <= size-off && (m.GetWrite() || !write) {
			return m.GetBytes()[off : off+n : off+n]
		}
	}
	return nil
}

// What needs the run itself is not here: words for atomic operations, the packet, maps.
func (c *remoteCall) Word(uint64) *uint32    { return nil }
func (c *remoteCall) Packet() codegen.Packet { return nil }
func (c *remoteCall) Map(uint64) codegen.Map { return nil }
func (c *remoteCall) MapAt(int) codegen.Map  { return nil }
func (c *remoteCall) Fail(err error)         { c.err = err }
func (c *remoteCall) End(uint64) {
	c.Fail(errors.New("a remote helper cannot end the program with a result"))
}
func (c *remoteCall) Record(r codegen.Record) bool {
	if len(c.out.Records) >= codegen.MaxRecords {
		return false
	}
	c.out.Records = append(c.out.Records, topb.Record(&r))
	return true
}

// RemoteHelpers are the remote helpers of a set, by name.
func RemoteHelpers(s *abi.Set) map[string]*abi.Helper {
	out := map[string]*abi.Helper{}
	if s == nil {
		return out
	}
	for i := range s.Helpers {
		if h := &s.Helpers[i]; h.Impl == abi.ImplRemote {
			out[h.Name] = h
		}
	}
	return out
}

// remoteHome is a session in another process, as an implementation here sees it.
type remoteHome struct {
	env   map[string][]byte
	cpus  int
	asked func(part string)

	random []uint64 // of this process: code that is expanded has its own
}

// NewHome is the home of implementations whose session is in another process. asked is told which parts of the
// environment they ask for.
func NewHome(env map[string][]byte, cpus int, asked func(part string)) codegen.Home {
	return &remoteHome{env: env, cpus: cpus, asked: asked, random: make([]uint64, cpus)}
}

func (h *remoteHome) Env(name string) []byte {
	h.asked(name)
	return h.env[name]
}

func (h *remoteHome) CPUs() int { return h.cpus }

// Random is a state that the session's code does not share.
func (h *remoteHome) Random(cpu int) *uint64 { return &h.random[cpu] }

// Alloc fails: no memory is shared between processes.
func (h *remoteHome) Alloc(int) ([]byte, uint64, error) {
	return nil, 0, &codegen.UnsupportedError{What: "memory that programs reach", Msg: "the set runs in a process of its own; link it, or give it out by a helper's arguments"}
}

// implement opens a set in this process for a session in another.
func implement(open codegen.Open, spec codegen.Spec) (codegen.Implementation, error) {
	if open == nil {
		return codegen.Implementation{}, &codegen.UnsupportedError{What: "running the set's helpers", Msg: "its plugin describes them alone"}
	}
	impl, err := open(NewHome(spec.Env, spec.CPUs, func(string) {}))
	if err == nil && (len(impl.Enter) > 0 || len(impl.Leave) > 0 || impl.Done != nil) {
		return impl, errors.Join(&codegen.UnsupportedError{What: "a set that completes contexts (Enter, Leave, Done) in a process of its own", Msg: "link it into the program that runs it"}, closeImplementation(impl))
	}
	return impl, err
}

func closeImplementation(i codegen.Implementation) error {
	if i.Close == nil {
		return nil
	}
	return i.Close()
}
