package kernel

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"
	"unsafe"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/perf"
	"github.com/cilium/ebpf/ringbuf"
	"golang.org/x/sys/unix"
)

// session is the programs and maps of a Session in the kernel.
type session struct {
	*Session
	answer   *SessionAnswer
	maps     []*ebpf.Map
	programs []*ebpf.Program // nil where the kernel refused it
	events   map[int]*perf.Reader
	open     []func() error
}

func (l *loader) session(q *Session) *SessionAnswer {
	s := &session{Session: q, answer: &SessionAnswer{}, events: map[int]*perf.Reader{}}
	defer s.close()
	err := settle()
	for _, f := range []func() error{s.createMaps, func() error { return s.load(l) }, s.watch} {
		if err == nil {
			err = f()
		}
	}
	if err != nil {
		s.answer.Err = oneLine(err.Error())
		return s.answer
	}
	s.answer.Process = process()
	for i := range q.Puts {
		s.answer.Puts = append(s.answer.Puts, name(s.put(&q.Puts[i])))
	}
	for i := range q.Steps {
		s.answer.Steps = append(s.answer.Steps, s.run(&q.Steps[i]))
	}
	for i := range s.maps {
		s.answer.Maps = append(s.answer.Maps, s.dump(i))
	}
	return s.answer
}

func (s *session) close() {
	for _, f := range slices.Backward(s.open) {
		_ = f()
	}
}

// settle gives the child's thread a network of its own and CPU 0, once and for all.
var settle = sync.OnceValue(func() error {
	runtime.LockOSThread()
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("a network namespace: %w", err)
	}
	var first unix.CPUSet
	first.Set(0)
	if err := unix.SchedSetaffinity(0, &first); err != nil {
		return fmt.Errorf("CPU 0: %w", err)
	}
	return loopbackUp()
})

// loopbackUp switches the loopback interface on.
func loopbackUp() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(fd) }()
	ifr, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	ifr.SetUint16(unix.IFF_UP)
	return unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, ifr)
}

func process() Process {
	comm, _ := os.ReadFile(fmt.Sprintf("/proc/self/task/%d/comm", unix.Gettid()))
	return Process{
		PID: uint32(unix.Getpid()), TID: uint32(unix.Gettid()), UID: uint32(unix.Getuid()), GID: uint32(unix.Getgid()),
		Comm: strings.TrimSuffix(string(comm), "\n"),
	}
}

// createMaps creates all maps.
func (s *session) createMaps() error {
	for i := range s.Maps {
		m, err := create(s.Maps, i)
		if err != nil {
			return err
		}
		s.maps, s.open = append(s.maps, m), append(s.open, m.Close)
	}
	return nil
}

// load loads the programs.
func (s *session) load(l *loader) error {
	for i := range s.Programs {
		if err := Gate(s.Programs[i].Insns); err != nil {
			return err
		}
		again, done, err := l.codeWith(&s.Programs[i], s.maps)
		if err != nil {
			s.programs, s.answer.Verdicts = append(s.programs, nil), append(s.answer.Verdicts, Answer{Verdict: Environment, Message: oneLine(err.Error()), Insn: -1})
			continue
		}
		o := again(logStats)
		_ = done()
		s.programs, s.answer.Verdicts = append(s.programs, o.program), append(s.answer.Verdicts, o.answer())
		if o.program != nil {
			s.open = append(s.open, o.program.Close)
		}
	}
	return nil
}

// watch opens the buffers of perf event arrays.
func (s *session) watch() error {
	for i, m := range s.maps {
		if m.Type() != ebpf.PerfEventArray {
			continue
		}
		r, err := perf.NewReader(m, os.Getpagesize()*16)
		if err != nil {
			return fmt.Errorf("map %q: %w", s.Maps[i].Name, err)
		}
		s.events[i], s.open = r, append(s.open, r.Close)
	}
	return nil
}

// elemAttr is the part of union bpf_attr that the operations on elements read.
type elemAttr struct {
	MapFD uint32
	_     uint32
	Key   uint64
	Value uint64 // or the next key
	Flags uint64
}

// Commands of bpf(2).
const (
	cmdLookup  = 1
	cmdUpdate  = 2
	cmdNextKey = 4
	cmdRun     = 10
	cmdTake    = 21
)

// element is an operation on an element; key and value are nil where there is none.
func element(cmd uintptr, m *ebpf.Map, key, value []byte) error {
	var pins runtime.Pinner
	defer pins.Unpin()
	a := elemAttr{MapFD: uint32(m.FD()), Key: pinned(&pins, key), Value: pinned(&pins, value)}
	if _, _, errno := unix.Syscall(unix.SYS_BPF, cmd, uintptr(unsafe.Pointer(&a)), unsafe.Sizeof(a)); errno != 0 {
		return errno
	}
	return nil
}

// pinned is the address of memory that stays where it is until the pins are gone.
func pinned(pins *runtime.Pinner, b []byte) uint64 {
	if len(b) == 0 {
		return 0
	}
	pins.Pin(&b[0])
	return uint64(uintptr(unsafe.Pointer(&b[0])))
}

// name is the name of an error of the kernel, "" for none.
func name(err error) string {
	var errno unix.Errno
	switch {
	case err == nil:
		return ""
	case errors.As(err, &errno) && unix.ErrnoName(errno) != "":
		return unix.ErrnoName(errno)
	}
	return err.Error()
}

func (s *session) put(p *Put) error {
	value := p.Value
	switch {
	case p.Program > 0 && s.programs[p.Program-1] == nil:
		return unix.EBADF
	case p.Program > 0:
		value = binary.NativeEndian.AppendUint32(nil, uint32(s.programs[p.Program-1].FD()))
	case p.Inner > 0:
		value = binary.NativeEndian.AppendUint32(nil, uint32(s.maps[p.Inner-1].FD()))
	}
	m := s.maps[p.Map]
	if perCPU[m.Type()] {
		value = bytes.Repeat(padded(value), ebpf.MustPossibleCPU())
	}
	return element(cmdUpdate, m, p.Key, value)
}

// perCPU are the kinds that have a value for each CPU.
var perCPU = map[ebpf.MapType]bool{ebpf.PerCPUHash: true, ebpf.PerCPUArray: true, ebpf.LRUCPUHash: true}

// padded is a value as a map per CPU holds it.
func padded(value []byte) []byte {
	return append(slices.Clone(value), make([]byte, -len(value)&7)...)
}

// runAttr is the part of union bpf_attr that BPF_PROG_TEST_RUN reads (include/uapi/linux/bpf.h, Linux 6.18).
type runAttr struct {
	ProgFD, Ret                uint32
	DataIn, DataOut            uint32
	Data, Out                  uint64
	Repeat, Duration           uint32
	ContextIn, ContextOut      uint32
	Context, After             uint64
	Flags, CPU, BatchSize, Pad uint32
}

// maxOut is the room for a packet after a run: programs may make one of 16 KiB.
const maxOut = 32 << 10

// run runs a program once.
func (s *session) run(st *Step) (r Ran) {
	p := s.programs[st.Program]
	if p == nil {
		return Ran{Err: "the program was refused"}
	}
	var pins runtime.Pinner
	defer pins.Unpin()
	ctx := slices.Clone(st.Context)
	a := runAttr{ProgFD: uint32(p.FD()), DataIn: uint32(len(st.Data)), Data: pinned(&pins, st.Data), ContextIn: uint32(len(ctx)), Context: pinned(&pins, ctx)}
	var data, after []byte
	if len(st.Data) > 0 {
		data = make([]byte, maxOut)
		a.DataOut, a.Out = uint32(len(data)), pinned(&pins, data)
	}
	if k := p.Type(); k != ebpf.RawTracepoint && k != ebpf.RawTracepointWritable && k != ebpf.Syscall && k != ebpf.FlowDissector && len(ctx) > 0 {
		after = make([]byte, len(ctx))
		a.ContextOut, a.After = uint32(len(after)), pinned(&pins, after)
	} else if k == ebpf.Syscall {
		after = ctx
	}
	begin := time.Now()
	_, _, errno := unix.Syscall(unix.SYS_BPF, cmdRun, uintptr(unsafe.Pointer(&a)), unsafe.Sizeof(a))
	r = Ran{Ret: a.Ret, Duration: time.Since(begin), Context: after}
	if errno != 0 {
		return Ran{Err: name(errno)}
	}
	if data != nil {
		r.Data = data[:min(int(a.DataOut), len(data))]
	}
	return r
}

// dump reads a map, nil if it cannot be read. Queues and stacks are empty afterwards.
func (s *session) dump(i int) []Element {
	switch m := s.maps[i]; m.Type() {
	case ebpf.Array, ebpf.PerCPUArray, ebpf.Hash, ebpf.PerCPUHash, ebpf.LRUHash, ebpf.LRUCPUHash, ebpf.LPMTrie:
		return walk(m)
	case ebpf.Queue, ebpf.Stack:
		return drain(m)
	case ebpf.RingBuf:
		return records(m)
	case ebpf.PerfEventArray:
		return events(s.events[i])
	}
	return nil
}

// walk reads all elements; of arrays only those that are not zero.
func walk(m *ebpf.Map) []Element {
	all, size := []Element{}, int(m.ValueSize())
	buffer, cpus := make([]byte, size), 1
	if perCPU[m.Type()] {
		cpus = ebpf.MustPossibleCPU()
		buffer = make([]byte, len(padded(buffer))*cpus)
	}
	zero := make([]byte, size)
	var key []byte
	for {
		next := make([]byte, m.KeySize())
		if element(cmdNextKey, m, key, next) != nil {
			return all
		}
		key = next
		if element(cmdLookup, m, key, buffer) != nil {
			continue
		}
		if (m.Type() == ebpf.Array || m.Type() == ebpf.PerCPUArray) && bytes.Equal(buffer[:size], zero) {
			continue
		}
		all = append(all, Element{key, slices.Clone(buffer[:size])})
	}
}

// drain takes all values.
func drain(m *ebpf.Map) []Element {
	all := []Element{}
	for {
		value := make([]byte, m.ValueSize())
		if element(cmdTake, m, nil, value) != nil {
			return all
		}
		all = append(all, Element{Value: value})
	}
}

// records takes the records of a ring buffer.
func records(m *ebpf.Map) []Element {
	r, err := ringbuf.NewReader(m)
	if err != nil {
		return nil
	}
	defer func() { _ = r.Close() }()
	r.SetDeadline(time.Now())
	all := []Element{}
	for {
		record, err := r.Read()
		if err != nil {
			return all
		}
		all = append(all, Element{Value: record.RawSample})
	}
}

// events takes the records of a perf event array. The kernel pads them.
func events(r *perf.Reader) []Element {
	r.SetDeadline(time.Now())
	all := []Element{}
	for {
		record, err := r.Read()
		if err != nil {
			return all
		}
		if record.RawSample != nil {
			all = append(all, Element{Value: record.RawSample})
		}
	}
}

// CPUs is how many values maps per CPU have here.
func CPUs() int { return ebpf.MustPossibleCPU() }
