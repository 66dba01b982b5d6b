package runtime

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/bpfc/bpfc/core/codegen"
	"github.com/bpfc/bpfc/core/ir"
)

// nativeRuns says that machine code for this architecture can run, nativeArch what it is for.
const (
	nativeRuns = true
	nativeArch = "amd64"
)

// In entry_linux_amd64.s.

func enter(w *Worker, entry, r1, r2 uint64) (r0 uint64)
func toCode(w *Worker)
func leave()
func exited(w *Worker)
func resume(w *Worker)
func leaveAddress() uint64

//go:noescape
func call5(w *Worker, fn uint64, args *[5]uint64) (r0 uint64)

// exitAddress is what the run context's Exit holds.
func exitAddress() uint64 { return leaveAddress() }

// callNative calls a native helper for code that is not machine code.
func (w *Worker) callNative(fn uint64, args *[5]uint64) uint64 { return call5(w, fn, args) }

// nativeRun is the state of a run of machine code.
type nativeRun struct {
	code *nativeCode
	err  error // what ended the run
	// The exit taken last: a loop often leaves at one place.
	left uint64
	exit *codegen.Exit
}

// nativeCode is loaded machine code.
type nativeCode struct {
	image *Image
	entry []uint64 // addresses
}

// Load checks the artifact's code, relocates it and makes it executable.
func (Native) Load(img *Image) (Executable, error) {
	a := img.Artifact
	if a.Arch != nativeArch {
		return nil, &codegen.UnsupportedError{What: fmt.Sprintf("running an artifact of back end %s as machine code", a.Target), Msg: "it is for " + archName(a.Arch)}
	}
	copy(img.rodata.mem, a.Rodata)
	copy(img.code.mem, a.Code)
	for i := range a.Relocs {
		if err := img.relocate(&a.Relocs[i]); err != nil {
			return nil, err
		}
	}
	c := &nativeCode{image: img}
	for i := range a.Entries {
		c.entry = append(c.entry, img.code.addr+uint64(a.Entries[i].Offset))
	}
	if err := img.protect(&img.rodata, protRead); err != nil {
		return nil, err
	}
	return c, img.protect(&img.code, protExec)
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
	if uint64(r.Offset)+4 > img.code.size {
		return fmt.Errorf("relocation at %#x lies outside the code", r.Offset)
	}
	v := int64(sym) + r.Addend - int64(img.code.addr+uint64(r.Offset))
	if v < math.MinInt32 || v > math.MaxInt32 {
		return fmt.Errorf("relocation at %#x does not reach its target, %d bytes away", r.Offset, v)
	}
	binary.LittleEndian.PutUint32(img.code.mem[r.Offset:], uint32(v))
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
	case r.Kind == codegen.RelocMapValue && i >= 0 && i < len(img.MapValues):
		return img.MapValues[i], nil
	case r.Kind == codegen.RelocHelper && i >= 0 && i < len(img.helpers) && img.helpers[i].native != 0:
		return img.helpers[i].native, nil
	}
	return 0, fmt.Errorf("relocation at %#x of kind %d refers to nothing (index %d)", r.Offset, r.Kind, r.Index)
}

// Close frees nothing: the code lies in the image.
func (c *nativeCode) Close() {}

// Run runs an entry.
func (c *nativeCode) Run(w *Worker, entry int, r1, r2 uint64) (uint64, error) {
	n := &w.native
	if n.code != c {
		*n = nativeRun{code: c}
	}
	w.rc.slice = w.slice
	r0 := enter(w, c.entry[entry], r1, r2)
	if n.err != nil {
		err := n.err
		n.err = nil
		return 0, err
	}
	return r0, nil
}

// exit is called when machine code leaves. It reports whether the code is to be
// resumed; if not, native.err says why.
func exit(w *Worker) bool {
	n := &w.native
	if w.rc.left != n.left {
		n.find(w.rc.left)
	}
	x := n.exit
	if x == nil {
		n.err = fmt.Errorf("machine code of %s left at %#x, which is no exit", n.code.image.Artifact.Name, w.rc.left-n.code.image.code.addr)
		return false
	}
	switch x.Code {
	case codegen.ExitHelper:
		r := &w.rc.regs
		r[regRAX] = n.code.image.helpers[x.Helper].call([5]uint64{r[regRDI], r[regRSI], r[regRDX], r[regRCX], r[regR8]})
		return true
	case codegen.ExitPoll:
		w.rc.slice, n.err = w.Refill(int(x.Prog), x.Pos)
	default:
		n.err = n.code.ended(w, x)
	}
	return n.err == nil
}

// find looks up the exit that resumes at an address.
func (n *nativeRun) find(left uint64) {
	n.left, n.exit = left, nil
	if off := left - n.code.image.code.addr; off <= math.MaxUint32 {
		n.exit = n.code.image.Artifact.Exit(uint32(off))
	}
}

// ended is the error of a run that an exit ends.
func (c *nativeCode) ended(w *Worker, x *codegen.Exit) error {
	if x.Code != codegen.ExitFault || x.Rule == ir.NoRule {
		return fmt.Errorf("machine code of %s ended its run with exit %s", c.image.Artifact.Name, x.Code)
	}
	return c.image.Fault(*x, w.rc.faultAddr)
}
