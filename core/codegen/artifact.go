package codegen

import (
	"crypto/sha512"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"sort"

	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/ir"
	"github.com/bpfc/bpfc/core/obj"
)

// ArtifactSchema is the version of what Digest covers and how: it is raised
// with every change of Artifact or of the types in it.
const ArtifactSchema = 3

// DigestError says that an artifact's content is not what its digest was made of.
type DigestError struct {
	Name      string // of the artifact's object
	Want, Got [32]byte
}

// Error names the artifact and both digests, abbreviated.
func (e *DigestError) Error() string {
	return fmt.Sprintf("artifact of %s is damaged: its content has digest %s…, it says %s…; compile the object again",
		e.Name, hex.EncodeToString(e.Got[:6]), hex.EncodeToString(e.Want[:6]))
}

// Seal sets Digest. It is the last step of making an artifact.
func (a *Artifact) Seal() { a.Digest = a.sum() }

// CheckDigest reports as a *DigestError that the artifact was changed after Seal.
func (a *Artifact) CheckDigest() error {
	if got := a.sum(); got != a.Digest {
		return &DigestError{Name: a.Name, Want: a.Digest, Got: got}
	}
	return nil
}

// Exit returns the exit that resumes at offset, nil if there is none. Exits must
// be in ascending order of Offset. The result is shared with the artifact.
func (a *Artifact) Exit(offset uint32) *Exit {
	i := sort.Search(len(a.Exits), func(i int) bool { return a.Exits[i].Offset >= offset })
	if i == len(a.Exits) || a.Exits[i].Offset != offset {
		return nil
	}
	return &a.Exits[i]
}

// Line returns the entry of Lines that covers the code at offset, nil if there
// is none. Lines must be in ascending order of Offset. The result is shared with the artifact.
func (a *Artifact) Line(offset uint32) *LineEntry {
	i := sort.Search(len(a.Lines), func(i int) bool { return a.Lines[i].Offset > offset })
	if i == 0 {
		return nil
	}
	return &a.Lines[i-1]
}

// Source returns the source line of the instruction at slot, nil if it has none.
// The result is shared with the entry.
func (e *EntryInfo) Source(slot int) *obj.Line {
	i := sort.Search(len(e.Lines), func(i int) bool { return e.Lines[i].Slot > slot })
	if slot < 0 || i == 0 {
		return nil
	}
	return &e.Lines[i-1]
}

var exitNames = [...]string{ExitOK: "ok", ExitHelper: "helper", ExitPoll: "poll", ExitFault: "fault", ExitAbort: "abort"}

// String is the code's name in messages and listings.
func (c ExitCode) String() string {
	if int(c) < len(exitNames) {
		return exitNames[c]
	}
	return fmt.Sprintf("exit(%d)", uint8(c))
}

// Error is one line: program, instruction, rule, access, address and source.
func (f *Fault) Error() string {
	s := f.Program + ": " + f.place() + f.reason()
	if f.Source != nil && f.Source.File != "" {
		s += fmt.Sprintf(" (%s:%d)", f.Source.File, f.Source.Line)
	}
	return s
}

func (f *Fault) place() string {
	if f.Insn < 0 {
		return ""
	}
	return fmt.Sprintf("insn %d: ", f.Insn)
}

func (f *Fault) reason() string {
	switch f.Rule {
	case ir.RuleMemory:
		access := accessName(f.Write)
		return fmt.Sprintf("memory: %s of %s at %#x is outside what the run may %s", access, bytesText(f.Size), f.Address, access)
	case ir.RuleAlign:
		return fmt.Sprintf("alignment: an atomic access of %s at %#x, which is no multiple of its size", bytesText(f.Size), f.Address)
	case ir.RuleCall:
		return fmt.Sprintf("call: the called value %#x is no function of the program", f.Address)
	case ir.RuleFuel:
		return "fuel: the run used up its budget of loop turns"
	}
	return fmt.Sprintf("rule %d is not known to this version", uint8(f.Rule))
}

func accessName(write bool) string {
	if write {
		return "write"
	}
	return "read"
}

func bytesText(n int) string {
	if n == 1 {
		return "1 byte"
	}
	return fmt.Sprintf("%d bytes", n)
}

// sum is the digest of every field but Digest, over an encoding in which each
// variable-length part is preceded by its length.
func (a *Artifact) sum() [32]byte {
	e := encoding{buf: make([]byte, 0, 4096+len(a.Code)+len(a.Rodata)+4*len(a.Lines)+10*len(a.Exits))}
	e.str("bpfc artifact")
	e.u32(ArtifactSchema)
	for _, s := range [...]string{a.Target, a.Version, a.Arch, a.CPU, a.Name} {
		e.str(s)
	}
	e.bytes(a.Code)
	e.bytes(a.Rodata)
	each(&e, a.Entries, (*encoding).entry)
	each(&e, a.Symbols, (*encoding).symbol)
	each(&e, a.Relocs, (*encoding).reloc)
	e.exits(a.Exits)
	e.lineEntries(a.Lines)
	e.u32(a.StackSize)
	each(&e, a.Maps, (*encoding).mapSpec)
	each(&e, a.Data, (*encoding).data)
	each(&e, a.Helpers, (*encoding).helper)
	each(&e, a.Items, (*encoding).item)
	return sha512.Sum512_256(e.buf)
}

// encoding is what a digest is made of: numbers as varints (hashing is a good part of the time of a
// compile, and most numbers are small), strings and lists with their length.
type encoding struct{ buf []byte }

func (e *encoding) u8(v uint8)   { e.buf = append(e.buf, v) }
func (e *encoding) u32(v uint32) { e.buf = binary.AppendUvarint(e.buf, uint64(v)) }
func (e *encoding) u64(v uint64) { e.buf = binary.AppendUvarint(e.buf, v) }
func (e *encoding) num(v int)    { e.u64(uint64(v)) }

func (e *encoding) bit(v bool) {
	if v {
		e.u8(1)
	} else {
		e.u8(0)
	}
}

func (e *encoding) str(s string) {
	e.num(len(s))
	e.buf = append(e.buf, s...)
}

func (e *encoding) bytes(b []byte) {
	e.num(len(b))
	e.buf = append(e.buf, b...)
}

// each encodes the length of a list and then its elements.
func each[T any](e *encoding, list []T, one func(*encoding, *T)) {
	e.num(len(list))
	for i := range list {
		one(e, &list[i])
	}
}

func (e *encoding) entry(n *Entry) {
	e.str(n.Name)
	e.str(n.Section)
	e.str(n.Type)
	e.u8(uint8(n.Context))
	e.u32(n.CtxSize)
	e.bit(n.Return32)
	e.u32(n.EntryInfo.StackSize)
	e.u32(n.EntryInfo.StackRegion)
	e.u32(n.TailDepth)
	e.u32(n.Turn)
	each(e, n.EntryInfo.Lines, (*encoding).line)
	e.num(n.Insns)
	e.u32(n.Offset)
	e.bit(n.HasC)
	e.u32(n.COffset)
	e.u32(n.CChecked)
}

func (e *encoding) line(l *obj.Line) {
	e.num(l.Slot)
	e.str(l.File)
	e.num(l.Line)
	e.num(l.Col)
	e.str(l.Text)
}

func (e *encoding) symbol(s *Symbol) {
	e.str(s.Name)
	e.u32(s.Offset)
	e.u32(s.Size)
	e.bit(s.Global)
	e.u32(uint32(s.Prog))
	each(e, s.CFA, (*encoding).cfaStep)
}

func (e *encoding) cfaStep(c *CFAStep) {
	e.u32(c.Offset)
	e.u32(uint32(c.CFA))
	each(e, c.Saved, (*encoding).savedReg)
}

func (e *encoding) savedReg(r *SavedReg) {
	e.u8(r.Reg)
	e.u32(uint32(r.Below))
}

func (e *encoding) reloc(r *Reloc) {
	e.u32(r.Offset)
	e.u8(uint8(r.Kind))
	e.u32(uint32(r.Index))
	e.u64(uint64(r.Addend))
}

// exits and lineEntries encode offsets and positions as differences from the entry before.
func (e *encoding) exits(list []Exit) {
	e.num(len(list))
	var at uint32
	var pos ir.Pos
	for i := range list {
		x := &list[i]
		e.u32(x.Offset - at)
		e.buf = append(e.buf, uint8(x.Code), uint8(x.Rule), x.Size)
		e.bit(x.Write)
		e.u32(uint32(x.Helper))
		e.u32(uint32(x.Prog))
		e.buf = binary.AppendVarint(e.buf, int64(x.Pos)-int64(pos))
		at, pos = x.Offset, x.Pos
	}
}

func (e *encoding) lineEntries(list []LineEntry) {
	e.num(len(list))
	var at uint32
	var pos ir.Pos
	for i := range list {
		l := &list[i]
		e.u32(l.Offset - at)
		e.u32(uint32(l.Prog))
		e.buf = binary.AppendVarint(e.buf, int64(l.Pos)-int64(pos))
		at, pos = l.Offset, l.Pos
	}
}

func (e *encoding) mapSpec(m *abi.MapSpec) {
	e.str(m.Name)
	for _, v := range [...]uint32{m.Type, m.KeySize, m.ValueSize, m.MaxEntries, m.Flags, m.Inner, m.Pinning} {
		e.u32(v)
	}
	e.u64(m.Extra)
	each(e, m.Special, (*encoding).special)
}

func (e *encoding) special(s *abi.Special) {
	e.u8(uint8(s.Kind))
	e.u32(s.Offset)
	e.u32(s.Size)
}

func (e *encoding) data(d *obj.Data) {
	e.str(d.Name)
	e.bytes(d.Bytes)
	e.bit(d.ReadOnly)
	e.u32(d.Align)
	each(e, d.Symbols, (*encoding).dataSymbol)
	each(e, d.Relocs, (*encoding).dataReloc)
	each(e, d.Special, (*encoding).special)
}

func (e *encoding) dataSymbol(s *obj.DataSymbol) {
	e.str(s.Name)
	e.u32(s.Offset)
	e.u32(s.Size)
}

func (e *encoding) dataReloc(r *obj.DataReloc) {
	e.u32(r.Offset)
	e.num(r.Index)
	e.u64(uint64(r.Addend))
}

func (e *encoding) helper(h *abi.Helper) {
	e.u32(h.ID)
	e.str(h.Name)
	e.str(h.C)
	for i, k := range h.Args {
		e.u8(uint8(k))
		e.u32(h.Sizes[i])
		e.str(h.Structs[i])
	}
	e.u8(uint8(h.Ret))
	e.u32(uint32(h.Flags))
	e.u32(h.RetSize)
	e.str(h.RetStruct)
	e.values(&h.Returns)
	e.callback(h.Callback)
	e.u8(uint8(h.Dynptr))
	e.u8(uint8(h.Impl))
	e.u8(uint8(h.Intrinsic))
	e.str(h.With)
	e.bytes(h.Body)
	e.bytes(h.Native)
	e.str(h.NativeTarget)
}

func (e *encoding) callback(c *abi.Callback) {
	e.bit(c != nil)
	if c == nil {
		return
	}
	for _, k := range c.Args {
		e.u8(uint8(k))
	}
	e.values(&c.Returns)
	e.bit(c.Async)
	e.bit(c.Many)
}

// values encodes a range, its names in ascending order.
func (e *encoding) values(r *abi.Range) {
	e.u64(uint64(r.Min))
	e.u64(uint64(r.Max))
	e.bit(r.Zero)
	e.num(len(r.Names))
	for _, v := range slices.Sorted(maps.Keys(r.Names)) {
		e.u64(uint64(v))
		e.str(r.Names[v])
	}
}

func (e *encoding) item(i *Item) {
	e.str(i.Kind)
	e.str(i.Name)
	e.buf = append(e.buf, i.Digest[:]...)
}
