package runtime

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"sort"
	"unsafe"

	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/codegen"
	"github.com/bpfc/bpfc/core/ir"
	"github.com/bpfc/bpfc/runtime/check"
)

// nativeRuns says that machine code for this architecture can run, nativeArch what it is for.
const (
	nativeRuns = true
	nativeArch = "amd64"
)

// In entry_linux_amd64.s.

func enter(w *Worker, rc *runContext) (r0 uint64)
func enterEach(w *Worker, rc *runContext)

//go:noescape
func enterLeaf(l *leaf, mem unsafe.Pointer, n int) (r0 uint64, ran bool)

//go:noescape
func enterLeafEach(l *leaf, mems *[]byte, n int, rets *uint64) (done int)
func leave()
func exited(w *Worker, rc *runContext) (r0 uint64)
func resume(w *Worker, rc *runContext) (r0 uint64)
func leaveAddress() uint64

// goroutine is a number that no other goroutine has at the same time; it is not 0.
func goroutine() uint64

//go:noescape
func call5(rc *runContext, fn uint64, args *[5]uint64) (r0 uint64)

// exitAddress is what the run context's Exit holds.
func exitAddress() uint64 { return leaveAddress() }

// callNative calls a native helper for code that is not machine code.
func (w *Worker) callNative(fn uint64, args *[5]uint64) uint64 { return call5(w.rc, fn, args) }

// nativeRun is what a worker knows of the machine code that it runs.
type nativeRun struct {
	code   *nativeCode // of the program that runs; nil if it is not machine code
	err    error       // what ended the run
	stays  bool        // the bound program is all in its own code: nothing can end its run but itself
	guards Activation  // whose regions the run context has
	gates  []Activation
}

// bind prepares for runs of p.
func (n *nativeRun) bind(w *Worker, p *Program) {
	*n = nativeRun{gates: n.gates[:0]}
	if n.code, _ = p.unit.code.(*nativeCode); n.code == nil {
		return
	}
	w.rc.entry, n.stays = n.code.entry[p.entry], n.code.stays(p.entry)
	n.guard(w, Activation{p, w.rc.stackTop})
}

// guard makes the regions that guards look at those of a.
func (n *nativeRun) guard(w *Worker, a Activation) {
	if n.guards == a {
		return
	}
	n.guards = a
	rc, size := w.rc, uint64(a.program.info.StackRegion)
	rc.regionsEnd = uint64(uintptr(unsafe.Pointer(&rc.regions[0]))) + uint64(regionsOf(a.program))*codegen.RegionSize
	w.setRegions(a.program, a.top-size, size, func(i int, p unsafe.Pointer, size uint64, writable bool) {
		rc.regions[i].set(uint64(uintptr(p)), size, writable)
	})
}

// bound reports whether the bound program is machine code.
func (n *nativeRun) bound() bool { return n.code != nil }

// enter runs the bound entry with R1 and R2 of the run context; its result counts if err is nil then.
func (n *nativeRun) enter(w *Worker) uint64 { return enter(w, w.rc) }

// enterEach runs the bound entry on the packets of the worker's loop.
func (n *nativeRun) enterEach(w *Worker) { enterEach(w, w.rc) }

// enterAt runs code that never leaves, on what was prepared for the bound entry.
func (n *nativeRun) enterAt(w *Worker, entry uint64) {
	rc := w.rc
	bound := rc.entry
	rc.entry = entry
	enter(w, rc)
	rc.entry = bound
}

// takeErr is the error that ended the run.
func (n *nativeRun) takeErr() error {
	err := n.err
	n.err = nil
	return err
}

// nativeCode is loaded machine code.
type nativeCode struct {
	image *Image
	unit  *unit
	base  uint64   // address of the code
	entry []uint64 // addresses
	gate  []uint64 // by entry: where tail calls enter
	// The exit that resumes at an offset is exits[slot[offset/4]-1], if any: two
	// exits are at least five bytes apart, the length of the shortest call.
	exits  []nativeExit
	slot   []int32
	leaves []bool // by entry: see package check
}

// nativeExit is a place where machine code leaves.
type nativeExit struct {
	*codegen.Exit
	call codegen.GoHelper                          // nil if it is not for a helper
	pass func(n *nativeRun, w *Worker, p *Program) // nil if it is not that of a gate
}

// index fills exits and slot.
func (c *nativeCode) index() {
	a := c.image.Artifact
	c.slot = make([]int32, c.image.code.size/4+1)
	for i := range a.Exits {
		x := nativeExit{Exit: &a.Exits[i]}
		if x.Code == codegen.ExitHelper {
			x.call = c.image.helpers[x.Helper].call
		}
		c.add(x)
	}
}

// add makes an exit known.
func (c *nativeCode) add(x nativeExit) {
	c.exits = append(c.exits, x)
	c.slot[x.Offset/4] = int32(len(c.exits))
}

// stays reports whether a program is all in its own code: it has no exit, and calls no native helper and no other program.
func (c *nativeCode) stays(entry int) bool {
	a := c.image.Artifact
	leaves := func(x codegen.Exit) bool { return x.Prog < 0 || int(x.Prog) == entry }
	calls := func(m abi.MapSpec) bool { return m.Type == mapTypeProgArray }
	native := func(r codegen.Reloc) bool { return r.Kind == codegen.RelocHelper }
	return !slices.ContainsFunc(a.Exits, leaves) && !slices.ContainsFunc(a.Maps, calls) && !slices.ContainsFunc(a.Relocs, native)
}

// inCode is the address of an entry that never leaves its own code, 0 if it may.
func (u *unit) inCode(entry int) uint64 {
	if c, ok := u.code.(*nativeCode); ok && c.stays(entry) {
		return c.entry[entry]
	}
	return 0
}

// find returns the exit that resumes at an address, nil if there is none.
func (c *nativeCode) find(left uint64) *nativeExit {
	off := left - c.base
	if off/4 >= uint64(len(c.slot)) {
		return nil
	}
	i := c.slot[off/4] - 1
	if uint(i) >= uint(len(c.exits)) || uint64(c.exits[i].Offset) != off {
		return nil
	}
	return &c.exits[i]
}

// Load checks the artifact's code, relocates it and makes it executable.
func (Native) Load(img *Image) (Executable, error) {
	a := img.Artifact
	if a.Arch != nativeArch {
		return nil, &codegen.UnsupportedError{What: fmt.Sprintf("running an artifact of back end %s as machine code", a.Target), Msg: "it is for " + archName(a.Arch)}
	}
	leaves, err := check.Artifact(a)
	if err != nil {
		return nil, err
	}
	if err := img.checkExits(); err != nil {
		return nil, err
	}
	copy(img.rodata.mem, a.Rodata)
	copy(img.code.mem, a.Code)
	for i := range a.Relocs {
		if err := img.relocate(&a.Relocs[i]); err != nil {
			return nil, err
		}
	}
	if err := img.referToMaps(); err != nil {
		return nil, err
	}
	c := &nativeCode{image: img, base: img.code.addr, leaves: leaves}
	c.index()
	for i := range a.Entries {
		c.entry = append(c.entry, img.code.addr+uint64(a.Entries[i].Offset))
	}
	c.addGates()
	if err := img.protect(&img.rodata, protRead); err != nil {
		return nil, err
	}
	if err := img.protect(&img.code, protExec); err != nil {
		return nil, err
	}
	img.runtime.codes.add(c)
	return c, nil
}

// leaf is the address of an entry that is a leaf, else 0.
func (c *nativeCode) leaf(entry int) uint64 {
	if !c.leaves[entry] {
		return 0
	}
	return c.entry[entry]
}

// What enterLeaf knows: an index that is not 0 fails to compile.
var (
	_ = [1]int{}[unsafe.Offsetof(leaf{}.entry)-0]
	_ = [1]int{}[unsafe.Offsetof(leaf{}.least)-8]
	_ = [1]int{}[unsafe.Offsetof(leaf{}.mask)-16]
	_ = [1]int{}[check.LeafFrame-512]
)

// belong tells the code of which unit it is, before it runs.
func (c *nativeCode) belong(u *unit) { c.unit = u }

func (c *nativeCode) compare(addr uint64) int { return cmp.Compare(c.base, addr) }

// Enter is the address at which tail calls enter.
func (c *nativeCode) Enter(entry int, _ uint64) uint64 { return c.gate[entry] }

// checkExits makes sure that every helper that the code leaves for is a Go function.
func (img *Image) checkExits() error {
	for i := range img.Artifact.Exits {
		x := &img.Artifact.Exits[i]
		if x.Code == codegen.ExitHelper && img.helpers[x.Helper].call == nil {
			return fmt.Errorf("the code leaves for helper %s, which is no Go function", img.Artifact.Helpers[x.Helper].Name)
		}
	}
	return nil
}

func archName(arch string) string {
	if arch == "" {
		return "no architecture"
	}
	return arch
}

// relocate fills one field of the code.
func (img *Image) relocate(r *codegen.Reloc) error {
	sym, err := img.symbol(r)
	if err != nil {
		return err
	}
	if uint64(r.Offset)+4 > uint64(len(img.Artifact.Code)) {
		return fmt.Errorf("relocation at %#x lies outside the code", r.Offset)
	}
	v := int64(sym) + r.Addend - int64(img.code.addr+uint64(r.Offset))
	if v < math.MinInt32 || v > math.MaxInt32 {
		return fmt.Errorf("relocation at %#x does not reach its target, %d bytes away", r.Offset, v)
	}
	binary.LittleEndian.PutUint32(img.code.mem[r.Offset:], uint32(v))
	return nil
}

// referToMaps takes note of which entries refer to which maps. Code that belongs to no entry is every entry's.
func (img *Image) referToMaps() error {
	a := img.Artifact
	for i := range a.Relocs {
		r := &a.Relocs[i]
		if r.Kind != codegen.RelocMap && r.Kind != codegen.RelocMapValue && r.Kind != codegen.RelocTable {
			continue
		}
		prog := int32(-1)
		if n := sort.Search(len(a.Symbols), func(n int) bool { return a.Symbols[n].Offset > r.Offset }); n > 0 {
			prog = a.Symbols[n-1].Prog
		}
		for e := range a.Entries {
			if prog < 0 || prog == int32(e) {
				if err := img.Refers(e, int(r.Index)); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// symbol is the address that a relocation refers to.
func (img *Image) symbol(r *codegen.Reloc) (uint64, error) {
	i := int(r.Index)
	switch {
	case r.Kind == codegen.RelocRodata:
		return img.rodata.addr, nil
	case r.Kind == codegen.RelocData && i >= 0 && i < len(img.Data):
		return img.Data[i], nil
	case r.Kind == codegen.RelocMap && i >= 0 && i < len(img.MapAddrs):
		return img.MapAddrs[i], nil
	case r.Kind == codegen.RelocTable && i >= 0 && i < len(img.MapAddrs) && img.Artifact.Maps[i].Type == mapTypeProgArray:
		return *(*uint64)(img.runtime.arena.pointer(img.MapAddrs[i] + codegen.MapTable)), nil
	case r.Kind == codegen.RelocMapValue && i >= 0 && i < len(img.MapValues):
		return img.MapValues[i], nil
	case r.Kind == codegen.RelocHelper && i >= 0 && i < len(img.helpers) && img.helpers[i].native != 0:
		return img.helpers[i].native, nil
	}
	return 0, fmt.Errorf("relocation at %#x of kind %d refers to nothing (index %d)", r.Offset, r.Kind, r.Index)
}

// Close makes the code unknown; it lies in the image, which frees it.
func (c *nativeCode) Close() { c.image.runtime.codes.remove(c) }

// Run runs the entry of the program that the worker is bound to.
func (c *nativeCode) Run(w *Worker, entry int, r1, r2 uint64) (uint64, error) {
	n := &w.native
	w.rc.slice, w.rc.tails = w.slice, 0
	r0 := n.enter(w)
	if n.err != nil {
		return w.stopped()
	}
	return r0, nil
}

// exit is called when machine code leaves. It reports whether the code is to be
// resumed; if not, native.err says why.
func exit(w *Worker) bool {
	rc := w.rc
	x := w.native.code.find(rc.left)
	if x == nil || int(x.Prog) != w.running.entry {
		x = w.native.other(w, rc.left)
	}
	if x != nil && x.call != nil {
		a := &rc.args
		w.helped = true
		rc.regs[regRAX] = x.call((*call)(w), a[0], a[1], a[2], a[3], a[4])
		return !w.ended || w.native.end()
	}
	return w.native.leave(w, x)
}

// other is the exit of another program than the one that ran when code left before: tail calls, and returns from what they
// lead to, do not tell. Helpers find the program's own maps and description from now on; what guards find is the gates' business.
func (n *nativeRun) other(w *Worker, left uint64) *nativeExit {
	c := w.runtime.codes.at(left)
	if c == nil {
		return nil
	}
	x := c.find(left)
	if x == nil {
		return nil
	}
	n.code = c
	if x.Prog >= 0 {
		w.setRunning(c.unit.programs[x.Prog], w.rc.stackTop)
	}
	return x
}

// end ends a run as a helper has asked for.
func (n *nativeRun) end() (resume bool) {
	n.err = errEnd
	return false
}

// leave is exit for what is no call of a helper.
func (n *nativeRun) leave(w *Worker, x *nativeExit) (resume bool) {
	switch {
	case x != nil && x.pass != nil:
		x.pass(n, w, w.running)
	case x == nil:
		n.err = fmt.Errorf("machine code of %s left at %#x, which is no exit", n.code.image.Artifact.Name, w.rc.left-n.code.base)
	case x.Code == codegen.ExitPoll:
		w.rc.slice, n.err = w.Refill(int(x.Prog), x.Pos)
	default:
		n.err = n.code.ended(w, x.Exit)
	}
	return n.err == nil
}

// ended is the error of a run that an exit ends.
func (c *nativeCode) ended(w *Worker, x *codegen.Exit) error {
	if x.Code != codegen.ExitFault || x.Rule == ir.NoRule {
		return fmt.Errorf("machine code of %s ended its run with exit %s", c.image.Artifact.Name, x.Code)
	}
	return c.image.Fault(*x, w.rc.faultAddr)
}
