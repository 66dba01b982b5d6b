package runtime

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/codegen"
	"github.com/bpfc/bpfc/core/ir"
	"github.com/bpfc/bpfc/core/obj"
	"github.com/bpfc/bpfc/runtime/maps"
)

// mapTable is every map of a runtime. It is safe for concurrent use.
type mapTable struct {
	byAddr sync.Map // *mapHome, by the address that programs have
	byID   sync.Map // the same, by number
	mu     sync.Mutex
	last   uint32
	pinned map[string]*mapHome // those that artifacts share by their name
}

// mapHome is a map and who keeps it.
type mapHome struct {
	maps.Map
	refs int  // images that use it; guarded by mapTable.mu
	kept bool // another map holds it: it lives as long as the runtime; guarded by mapTable.mu
	// absent says why it does not exist, nil if it does.
	absent *codegen.UnsupportedError
}

// pinByName is the pinning of maps that libbpf shares by their name (LIBBPF_PIN_BY_NAME, tools/lib/bpf/bpf_helpers.h).
const pinByName = 1

// checkMaps refuses what a run's region table cannot hold.
func checkMaps(a *codegen.Artifact) error {
	if n := ir.MaxRegions - ir.RegionMaps; len(a.Maps) > n {
		return &codegen.UnsupportedError{What: fmt.Sprintf("an object of %d maps", len(a.Maps)), Msg: fmt.Sprintf("at most %d fit in a run's region table", n)}
	}
	for i := range a.Maps {
		if m := &a.Maps[i]; m.Flags&abi.MapFlagReadOnlyProg != 0 && guardedWrites(a) {
			return &codegen.UnsupportedError{What: fmt.Sprintf("map %s with BPF_F_RDONLY_PROG under policy guard", m.Name), Msg: "guards of machine code do not tell it from a writable one"}
		}
	}
	return nil
}

// guardedWrites reports whether the artifact has stores that are not proved.
func guardedWrites(a *codegen.Artifact) bool {
	for i := range a.Exits {
		if x := &a.Exits[i]; x.Code == codegen.ExitFault && x.Rule == ir.RuleMemory && x.Write {
			return true
		}
	}
	return false
}

// openMaps makes the image's maps, or finds those that others have made.
func (img *Image) openMaps() error {
	for i := range img.Artifact.Maps {
		m, err := img.runtime.openMap(img.Artifact, i)
		if err != nil {
			return errors.Join(err, img.closeMaps())
		}
		img.maps = append(img.maps, m)
		_, values := m.Slab()
		img.MapValues, img.MapAddrs = append(img.MapValues, values), append(img.MapAddrs, m.Address())
	}
	return nil
}

func (r *Runtime) openMap(a *codegen.Artifact, i int) (*mapHome, error) {
	t := &r.maps
	t.mu.Lock()
	defer t.mu.Unlock()
	spec := &a.Maps[i]
	if m := t.pinned[spec.Name]; spec.Pinning == pinByName && m != nil {
		if s := m.Spec(); s.Type != spec.Type || s.KeySize != spec.KeySize || s.ValueSize != spec.ValueSize || s.MaxEntries != spec.MaxEntries || s.Flags != spec.Flags {
			return nil, fmt.Errorf("map %s is pinned by its name, and another object has made one that differs from it", spec.Name)
		}
		m.refs++
		return m, nil
	}
	var inner *abi.MapSpec
	if spec.Inner > 0 && int(spec.Inner) <= len(a.Maps) {
		inner = &a.Maps[spec.Inner-1]
	}
	m, why, err := newMap(spec, inner, r.mapEnv(t.last+1))
	if err != nil {
		return nil, err
	}
	t.last++
	h := &mapHome{Map: m, refs: 1, absent: why}
	t.byAddr.Store(m.Address(), h)
	t.byID.Store(m.ID(), h)
	if spec.Pinning == pinByName {
		h.kept = true
		if t.pinned == nil {
			t.pinned = map[string]*mapHome{}
		}
		t.pinned[spec.Name] = h
	}
	return h, nil
}

// newMap makes a map. One of a kind that this version does not have is absent: what refers to it is refused with the reason.
func newMap(spec, inner *abi.MapSpec, e maps.Env) (m maps.Map, why *codegen.UnsupportedError, err error) {
	if m, err = maps.New(spec, inner, e); errors.As(err, &why) {
		m, err = maps.Absent(spec, e)
	}
	return m, why, err
}

// mapEnv is what map number id gets of the runtime.
func (r *Runtime) mapEnv(id uint32) maps.Env {
	return maps.Env{Arena: mapArena{r}, Epochs: r, CPUs: len(r.workers), ID: id, Seed: mapSeed, Map: r.innerMap, Object: r.object, Drop: r.drop}
}

// mapSeed is that of every map's hash: the order of keys is the same in every run.
const mapSeed = 0x6270_6663

// closeMaps ends the image's use of its maps, and frees those that nobody else uses.
func (img *Image) closeMaps() error {
	var errs []error
	t := &img.runtime.maps
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, m := range img.maps {
		if m.refs--; m.refs > 0 || m.kept {
			continue
		}
		t.byAddr.Delete(m.Address())
		t.byID.Delete(m.ID())
		delete(img.runtime.arrayTypes, m.Spec())
		errs = append(errs, m.Close())
	}
	img.maps = nil
	return errors.Join(errs...)
}

// mapAt is the map at an address that programs pass, nil if there is none.
func (r *Runtime) mapAt(addr uint64) codegen.Map {
	if m, ok := r.maps.byAddr.Load(addr); ok {
		return m.(*mapHome).Map
	}
	return nil
}

// innerMap is the map number id, which from now on another map holds.
func (r *Runtime) innerMap(id uint32) codegen.Map {
	v, ok := r.maps.byID.Load(id)
	if !ok {
		return nil
	}
	m := v.(*mapHome)
	r.maps.mu.Lock()
	defer r.maps.mu.Unlock()
	m.kept = true
	return m.Map
}

// Retire and Oldest are the grace periods of the maps' elements: those of the runtime.

// Retire returns the epoch after which what is retired now is out of reach: see maps.Epochs.
func (r *Runtime) Retire() uint64 { return r.epoch.Add(1) - 1 }

// Oldest is the first epoch that a worker is in: see maps.Epochs.
func (r *Runtime) Oldest() uint64 { return r.oldestEpoch() }

// mapArena is the runtime's address range as maps see it.
type mapArena struct{ r *Runtime }

// Alloc takes pages and makes them writable.
func (m mapArena) Alloc(n uint64) ([]byte, uint64, error) {
	a := m.r.arena
	if n > uint64(a.size) {
		return nil, 0, errFull
	}
	s, err := a.alloc(uintptr(n))
	if err != nil {
		return nil, 0, err
	}
	if err := a.protect(s, protWrite); err != nil {
		return nil, 0, errors.Join(err, a.dealloc(s))
	}
	m.r.maps.byAddr.Store(spanKey(a.addr(s.off)), s)
	m.r.objects.add(a.bytes(s)[:n:n], a.addr(s.off))
	return a.bytes(s)[:n:n], a.addr(s.off), nil
}

// spanKey is the key of a span of the arena among the maps' addresses.
type spanKey uint64

// Free gives pages back.
func (m mapArena) Free(addr uint64) error {
	m.r.objects.remove(addr)
	if s, ok := m.r.maps.byAddr.LoadAndDelete(spanKey(addr)); ok && !m.r.gone {
		return m.r.arena.dealloc(s.(span))
	}
	return nil
}

// section is a data section as an array of one element.
type section struct {
	spec   *abi.MapSpec
	mem    []byte
	frozen bool
}

// arrayKeySize is the size of an array map's key, a uint32 index.
const arrayKeySize = 4

// sectionSpec describes a data section as libbpf declares it to the kernel.
func sectionSpec(d *obj.Data) *abi.MapSpec {
	m := &abi.MapSpec{Name: d.Name, Type: abi.MapTypeArray, KeySize: arrayKeySize, ValueSize: uint32(len(d.Bytes)), MaxEntries: 1}
	if d.ReadOnly {
		m.Flags = abi.MapFlagReadOnlyProg
	}
	return m
}

func (s *section) Spec() *abi.MapSpec { return s.spec }

func (s *section) Get(key []byte) ([]byte, codegen.Errno) {
	if len(key) != arrayKeySize {
		return nil, codegen.EINVAL
	}
	if binary.LittleEndian.Uint32(key) != 0 {
		return nil, codegen.ENOENT
	}
	return bytes.Clone(s.mem), codegen.OK
}

func (s *section) Update(key, value []byte, flags uint64, _ int) codegen.Errno {
	switch {
	case len(key) != arrayKeySize || len(value) != len(s.mem) || flags > 2:
		return codegen.EINVAL
	case binary.LittleEndian.Uint32(key) != 0:
		return codegen.E2BIG
	case flags == 1:
		return codegen.EEXIST
	case s.frozen:
		return codegen.EPERM
	}
	copy(s.mem, value)
	return codegen.OK
}

func (s *section) Delete([]byte) codegen.Errno { return codegen.EINVAL }

func (s *section) Each(f func(key, value []byte) bool) {
	f(make([]byte, arrayKeySize), bytes.Clone(s.mem))
}

// table is what operations of a session need of a map or a data section.
type table interface {
	Spec() *abi.MapSpec
	Get(key []byte) ([]byte, codegen.Errno)
	Update(key, value []byte, flags uint64, cpu int) codegen.Errno
	Delete(key []byte) codegen.Errno
	Each(f func(key, value []byte) bool)
}

// lookup is the map, or the data section as an array of one element, called name.
func (img *Image) lookup(name string) table {
	for _, m := range img.maps {
		if m.Spec().Name == name {
			return m.Map
		}
	}
	for i := range img.Artifact.Data {
		if d := &img.Artifact.Data[i]; d.Name == name {
			return &section{spec: sectionSpec(d), mem: img.sections[i], frozen: d.ReadOnly}
		}
	}
	return nil
}

// operations are what a session does with maps, by kind.
var operations = [...]func(t table, op *codegen.MapOp) codegen.MapResult{
	codegen.MapGet: func(t table, op *codegen.MapOp) codegen.MapResult { return found(t, op.Key)(t.Get(op.Key)) },
	codegen.MapPut: func(t table, op *codegen.MapOp) codegen.MapResult {
		return codegen.MapResult{Err: t.Update(op.Key, op.Value, op.Flags, codegen.AllCPUs).String()}
	},
	codegen.MapDelete: func(t table, op *codegen.MapOp) codegen.MapResult {
		return codegen.MapResult{Err: t.Delete(op.Key).String()}
	},
	codegen.MapIterate: iterate,
	codegen.MapTake:    take,
	codegen.MapPush: func(t table, op *codegen.MapOp) codegen.MapResult {
		return queued(t, func(m maps.Map) codegen.MapResult {
			return codegen.MapResult{Err: m.Push(op.Value, op.Flags).String()}
		})
	},
	codegen.MapPop:     func(t table, op *codegen.MapOp) codegen.MapResult { return queued(t, popped) },
	codegen.MapConsume: consume,
}

// operate performs one operation on the maps of an image.
func (img *Image) operate(op *codegen.MapOp) codegen.MapResult {
	if op.Kind == codegen.MapList {
		return img.list()
	}
	t := img.lookup(op.Map)
	switch {
	case t == nil:
		return codegen.MapResult{Err: codegen.EBADF.String()}
	case int(op.Kind) >= len(operations) || operations[op.Kind] == nil:
		return codegen.MapResult{Err: codegen.EINVAL.String()}
	}
	return operations[op.Kind](t, op)
}

// list names all maps and data sections; the value of a map is its number.
func (img *Image) list() (res codegen.MapResult) {
	for _, m := range img.maps {
		res.Entries = append(res.Entries, codegen.MapEntry{Map: *m.Spec(), Value: binary.LittleEndian.AppendUint32(nil, m.ID())})
	}
	for i := range img.Artifact.Data {
		res.Entries = append(res.Entries, codegen.MapEntry{Map: *sectionSpec(&img.Artifact.Data[i])})
	}
	return res
}

// found makes a result of a value.
func found(t table, key []byte) func([]byte, codegen.Errno) codegen.MapResult {
	return func(value []byte, err codegen.Errno) codegen.MapResult {
		if err != codegen.OK {
			return codegen.MapResult{Err: err.String()}
		}
		return codegen.MapResult{Entries: []codegen.MapEntry{{Map: *t.Spec(), Key: bytes.Clone(key), Value: value}}}
	}
}

func iterate(t table, _ *codegen.MapOp) (res codegen.MapResult) {
	t.Each(func(key, value []byte) bool {
		res.Entries = append(res.Entries, codegen.MapEntry{Map: *t.Spec(), Key: key, Value: value})
		return true
	})
	return res
}

func take(t table, op *codegen.MapOp) codegen.MapResult {
	m, ok := t.(maps.Map)
	if !ok {
		return codegen.MapResult{Err: codegen.ENOTSUPP.String()}
	}
	return found(t, op.Key)(m.Take(op.Key))
}

// queued is an operation of maps without keys.
func queued(t table, f func(maps.Map) codegen.MapResult) codegen.MapResult {
	if m, ok := t.(maps.Map); ok {
		return f(m)
	}
	return codegen.MapResult{Err: codegen.EOPNOTSUPP.String()}
}

func popped(m maps.Map) codegen.MapResult {
	value := make([]byte, m.Spec().ValueSize)
	err := m.Pop(value)
	return found(m, nil)(value, err)
}

// consume takes the complete records of a ring buffer.
func consume(t table, _ *codegen.MapOp) (res codegen.MapResult) {
	ring, ok := t.(codegen.Ring)
	if !ok {
		return codegen.MapResult{Err: codegen.EOPNOTSUPP.String()}
	}
	for _, record := range ring.Consume() {
		res.Entries = append(res.Entries, codegen.MapEntry{Map: *t.Spec(), Value: record})
	}
	return res
}

// Prog arrays.

const mapTypeProgArray = abi.MapTypeProgArray

// object is the word that stands for object number n in a table: of a prog array where a program is entered, elsewhere the
// number. The table holds the program until drop.
func (r *Runtime) object(spec *abi.MapSpec, n uint64) (uint64, codegen.Errno) {
	if spec.Type != mapTypeProgArray {
		if n == 0 {
			return 0, codegen.EBADF
		}
		return n, codegen.OK
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	p := r.programs[codegen.ProgID(n)]
	if p == nil || p.closed.Load() {
		return 0, codegen.EBADF
	}
	if !r.suits(spec, p.info) {
		return 0, codegen.EINVAL
	}
	r.slots.hold(n, p)
	return p.unit.code.Enter(p.entry, n), codegen.OK
}

// drop ends what object began: the word is out of the table. Runs that are in the program stay in it.
func (r *Runtime) drop(spec *abi.MapSpec, n uint64) {
	if spec.Type != mapTypeProgArray {
		return
	}
	r.mu.Lock()
	u := r.slots.drop(n)
	last := u.letGo()
	r.mu.Unlock()
	if last {
		r.retire(&u.pins, u.free)
	}
}

// slots are the programs that prog arrays hold, by number. They are found without a lock.
type slots struct{ held sync.Map }

// slot is a program that prog arrays hold.
type slot struct {
	*Program
	times int // guarded by runtime.mu
}

// find is the program with a number, nil if no prog array holds it.
func (s *slots) find(n uint64) *Program {
	if v, ok := s.held.Load(n); ok {
		return v.(*slot).Program
	}
	return nil
}

// hold and drop count the elements that hold a program. The caller holds runtime.mu.
func (s *slots) hold(n uint64, p *Program) {
	v, _ := s.held.LoadOrStore(n, &slot{Program: p})
	v.(*slot).times++
	p.unit.held++
}

func (s *slots) drop(n uint64) *unit {
	v, _ := s.held.Load(n)
	x := v.(*slot)
	if x.times--; x.times == 0 {
		s.held.Delete(n)
	}
	return x.unit
}

// abandonMaps empties the image's prog arrays, which nobody can change any more: what they hold would hold them.
// Those of programs that still run find nothing there (prog_array_map_clear, kernel/bpf/arraymap.c, Linux 6.18).
func (img *Image) abandonMaps() {
	r := img.runtime
	r.life.RLock()
	defer r.life.RUnlock()
	if r.closing.Load() {
		return
	}
	for _, m := range img.maps {
		r.maps.mu.Lock()
		kept := m.kept
		r.maps.mu.Unlock()
		if kept || m.Spec().Type != mapTypeProgArray {
			continue
		}
		m.Each(func(key, _ []byte) bool {
			m.Delete(key)
			return true
		})
	}
}

// Refers takes note that an entry of the artifact refers to one of its maps, which must exist. If it is a prog array, the run
// may go on in any of the array's programs, which therefore are like the entry.
func (img *Image) Refers(entry, m int) error {
	r := img.runtime
	if why := img.maps[m].absent; why != nil {
		return why
	}
	spec, e := img.maps[m].Spec(), &img.Artifact.Entries[entry].EntryInfo
	if spec.Type == mapTypeProgArray && !r.suits(spec, e) {
		return fmt.Errorf("program %s is of type %s, but prog array %s is for programs of type %s (EINVAL)", e.Name, ownerOf(e), spec.Name, r.owner(spec))
	}
	return nil
}

// owner is of what type the programs of a prog array are, "" if no program has come to it yet.
func (r *Runtime) owner(spec *abi.MapSpec) string {
	r.maps.mu.Lock()
	defer r.maps.mu.Unlock()
	return r.arrayTypes[spec]
}

// suits reports whether a program may be in a prog array, or refer to it: the first one that comes fixes the type
// (__bpf_prog_map_compatible, kernel/bpf/core.c, Linux 6.18).
func (r *Runtime) suits(spec *abi.MapSpec, e *codegen.EntryInfo) bool {
	r.maps.mu.Lock()
	defer r.maps.mu.Unlock()
	typ := ownerOf(e)
	if r.arrayTypes[spec] == "" {
		r.arrayTypes[spec] = typ
	}
	return r.arrayTypes[spec] == typ
}

// ownerOf is what the kernel compares of the programs of a prog array: the type, with what it expects to be attached to,
// which types are told apart by here; and for packets in fragments whether the program takes them. That code is
// compiled is so for all programs of a runtime or for none. Storage of cgroups and attachment to a function of the kernel
// do not come with a program here.
func ownerOf(e *codegen.EntryInfo) string {
	first, _, _ := strings.Cut(e.Section, "/")
	if strings.HasSuffix(first, ".frags") {
		return e.Type + " for fragments"
	}
	return e.Type
}

// TailCall takes the run to the program at an index of a prog array, for executables that are no machine code. If it
// reports false the run goes on where it is: the index is too large, the limit is reached or there is no program, in this
// order (bpf_tail_call, kernel/bpf/core.c, Linux 6.18). top is R10 of the function that makes the call, slice what is left of
// the turn counter.
func (w *Worker) TailCall(array uint64, index uint32, top uint64, slice int64) bool {
	m := w.runtime.mapAt(array)
	if m == nil || m.Spec().Type != mapTypeProgArray || index >= m.Spec().MaxEntries || w.rc.tails >= ir.MaxTailCalls {
		return false
	}
	a := w.runtime.arena
	table := *(*uint64)(a.pointer(array + codegen.MapTable))
	p := w.runtime.slots.find(atomic.LoadUint64((*uint64)(a.pointer(table + 8*uint64(index)))))
	if p == nil {
		return false
	}
	w.rc.tails++
	w.slice = slice
	w.setRunning(p, top)
	return true
}

// Next is where the run goes on after TailCall.
func (w *Worker) Next() (Executable, int) { return w.running.unit.code, w.running.entry }

// Activation is a program that runs, or waits for one that a function of it has tail-called.
type Activation struct {
	program *Program
	top     uint64
}

// Activation is what runs: what Resume goes back to.
func (w *Worker) Activation() Activation { return Activation{w.running, w.top} }

// Resume goes back to a program when what one of its functions has tail-called returns to it.
func (w *Worker) Resume(a Activation) { w.setRunning(a.program, a.top) }

// pointer is an address inside the arena as a pointer.
func (a *arena) pointer(addr uint64) unsafe.Pointer {
	return unsafe.Add(a.base, uintptr(addr)-uintptr(a.base))
}
