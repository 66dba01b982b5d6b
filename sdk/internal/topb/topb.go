// Package topb converts the compiler's types to those of the plugin protocol.
// Results share byte slices with their arguments. Package frompb is the inverse.
package topb

import (
	"maps"
	"slices"

	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/codegen"
	"github.com/bpfc/bpfc/core/ir"
	"github.com/bpfc/bpfc/core/obj"
	"github.com/bpfc/bpfc/sdk/internal/pb"
)

// list converts the elements of a list.
func list[A, B any](in []A, one func(*A) *B) []*B {
	out := make([]*B, len(in))
	for i := range in {
		out[i] = one(&in[i])
	}
	return out
}

// Target converts a target.
func Target(t codegen.Target) *pb.Target {
	out := &pb.Target{Name: t.Name, Version: t.Version, Arch: t.Arch, Cpus: t.CPUs, Object: t.Object, Features: t.Features}
	for _, o := range t.Opts {
		out.Opts = append(out.Opts, int64(o))
	}
	return out
}

// Options converts the options of a compile.
func Options(o codegen.Options) *pb.Options {
	return &pb.Options{Opt: int64(o.Opt), Cpu: o.CPU, Object: o.Object, Features: o.Features}
}

// Unit converts a unit; its programs travel in the binary form of the IR. Data
// that the programs share with the unit, as they do in a unit of the compiler,
// travels once.
func Unit(u *codegen.Unit) *pb.Unit {
	programs, shared := u.Programs, sharedData(u)
	if shared {
		programs = withoutData(programs)
	}
	return &pb.Unit{
		Name:       u.Name,
		Programs:   ir.MarshalAll(programs),
		Entries:    list(u.Entries, entryInfo),
		Maps:       list(u.Maps, mapSpec),
		Data:       list(u.Data, data),
		Helpers:    list(u.Helpers, helper),
		Items:      list(u.Items, item),
		SharedData: shared,
	}
}

func sharedData(u *codegen.Unit) bool {
	for _, p := range u.Programs {
		if len(p.Data) != len(u.Data) || len(p.Data) == 0 || &p.Data[0] != &u.Data[0] {
			return false
		}
	}
	return true
}

func withoutData(programs []*ir.Program) []*ir.Program {
	out := make([]*ir.Program, len(programs))
	for i, p := range programs {
		bare := *p
		bare.Data = nil
		out[i] = &bare
	}
	return out
}

// Artifact converts an artifact, its digest as it is.
func Artifact(a *codegen.Artifact) *pb.Artifact {
	return &pb.Artifact{
		Target:    a.Target,
		Version:   a.Version,
		Arch:      a.Arch,
		Cpu:       a.CPU,
		Name:      a.Name,
		Code:      a.Code,
		Rodata:    a.Rodata,
		Entries:   list(a.Entries, entry),
		Symbols:   list(a.Symbols, symbol),
		Relocs:    list(a.Relocs, reloc),
		Exits:     list(a.Exits, exit),
		Lines:     list(a.Lines, lineEntry),
		StackSize: a.StackSize,
		Maps:      list(a.Maps, mapSpec),
		Data:      list(a.Data, data),
		Helpers:   list(a.Helpers, helper),
		Items:     list(a.Items, item),
		Digest:    a.Digest[:],
	}
}

func entryInfo(e *codegen.EntryInfo) *pb.EntryInfo {
	return &pb.EntryInfo{
		Name:        e.Name,
		Section:     e.Section,
		Type:        e.Type,
		Context:     uint32(e.Context),
		CtxSize:     e.CtxSize,
		Return32:    e.Return32,
		StackSize:   e.StackSize,
		StackRegion: e.StackRegion,
		Turn:        e.Turn,
		TailDepth:   e.TailDepth,
		Lines:       list(e.Lines, line),
		Insns:       int64(e.Insns),
	}
}

func line(l *obj.Line) *pb.Line {
	return &pb.Line{Slot: int64(l.Slot), File: l.File, Line: int64(l.Line), Col: int64(l.Col), Text: l.Text}
}

func entry(e *codegen.Entry) *pb.Entry {
	return &pb.Entry{Info: entryInfo(&e.EntryInfo), Offset: e.Offset, HasC: e.HasC, COffset: e.COffset, CChecked: e.CChecked}
}

func symbol(s *codegen.Symbol) *pb.Symbol {
	return &pb.Symbol{Name: s.Name, Offset: s.Offset, Size: s.Size, Global: s.Global, Prog: s.Prog, Cfa: list(s.CFA, cfaStep)}
}

func cfaStep(c *codegen.CFAStep) *pb.CFAStep {
	return &pb.CFAStep{Offset: c.Offset, Cfa: c.CFA, Saved: list(c.Saved, savedReg)}
}

func savedReg(r *codegen.SavedReg) *pb.SavedReg {
	return &pb.SavedReg{Reg: uint32(r.Reg), Below: r.Below}
}

func reloc(r *codegen.Reloc) *pb.Reloc {
	return &pb.Reloc{Offset: r.Offset, Kind: uint32(r.Kind), Index: r.Index, Addend: r.Addend}
}

func exit(x *codegen.Exit) *pb.Exit {
	return &pb.Exit{
		Offset: x.Offset,
		Code:   uint32(x.Code),
		Rule:   uint32(x.Rule),
		Size:   uint32(x.Size),
		Write:  x.Write,
		Helper: x.Helper,
		Prog:   x.Prog,
		Pos:    int32(x.Pos),
	}
}

func lineEntry(l *codegen.LineEntry) *pb.LineEntry {
	return &pb.LineEntry{Offset: l.Offset, Prog: l.Prog, Pos: int32(l.Pos)}
}

func item(i *codegen.Item) *pb.Item {
	return &pb.Item{Kind: i.Kind, Name: i.Name, Digest: i.Digest[:]}
}

func mapSpec(m *abi.MapSpec) *pb.MapSpec {
	return &pb.MapSpec{
		Name:       m.Name,
		Type:       m.Type,
		KeySize:    m.KeySize,
		ValueSize:  m.ValueSize,
		MaxEntries: m.MaxEntries,
		Flags:      m.Flags,
		Inner:      m.Inner,
		Pinning:    m.Pinning,
		Special:    list(m.Special, special),
		Extra:      m.Extra,
	}
}

func special(s *abi.Special) *pb.Special {
	return &pb.Special{Kind: uint32(s.Kind), Offset: s.Offset, Size: s.Size}
}

func data(d *obj.Data) *pb.Data {
	return &pb.Data{
		Name:     d.Name,
		Bytes:    d.Bytes,
		ReadOnly: d.ReadOnly,
		Align:    d.Align,
		Symbols:  list(d.Symbols, dataSymbol),
		Relocs:   list(d.Relocs, dataReloc),
		Special:  list(d.Special, special),
	}
}

func dataSymbol(s *obj.DataSymbol) *pb.DataSymbol {
	return &pb.DataSymbol{Name: s.Name, Offset: s.Offset, Size: s.Size}
}

func dataReloc(r *obj.DataReloc) *pb.DataReloc {
	return &pb.DataReloc{Offset: r.Offset, Index: int64(r.Index), Addend: r.Addend}
}

func helper(h *abi.Helper) *pb.Helper {
	return &pb.Helper{
		Id:           h.ID,
		Name:         h.Name,
		C:            h.C,
		Args:         kinds(h.Args),
		Sizes:        h.Sizes[:],
		Structs:      h.Structs[:],
		Ret:          uint32(h.Ret),
		Flags:        uint32(h.Flags),
		RetSize:      h.RetSize,
		RetStruct:    h.RetStruct,
		Returns:      values(&h.Returns),
		Callback:     callback(h.Callback),
		Dynptr:       uint32(h.Dynptr),
		Intrinsic:    uint32(h.Intrinsic),
		With:         h.With,
		Impl:         uint32(h.Impl),
		Body:         h.Body,
		Native:       h.Native,
		NativeTarget: h.NativeTarget,
	}
}

func kinds[T ~uint8](in [5]T) []uint32 {
	out := make([]uint32, len(in))
	for i, k := range in {
		out[i] = uint32(k)
	}
	return out
}

func callback(c *abi.Callback) *pb.Callback {
	if c == nil {
		return nil
	}
	return &pb.Callback{Args: kinds(c.Args), Returns: values(&c.Returns), Async: c.Async, Many: c.Many}
}

// Set converts a set; nil stays nil.
func Set(s *abi.Set) *pb.Set {
	if s == nil {
		return nil
	}
	return &pb.Set{
		Name:     s.Name,
		Types:    list(s.Types, progType),
		Helpers:  list(s.Helpers, helper),
		MapKinds: list(s.MapKinds, mapKind),
		Structs:  list(s.Structs, context),
	}
}

func mapKind(k *abi.MapKind) *pb.MapKind {
	return &pb.MapKind{Name: k.Name, Type: k.Type, Helpers: k.Helpers, Values: uint32(k.Values), Struct: k.Struct, Direct: k.Direct, Indexed: k.Indexed}
}

func progType(t *abi.ProgType) *pb.ProgType {
	return &pb.ProgType{
		Name:        t.Name,
		Sections:    t.Sections,
		Context:     context(&t.Context),
		Helpers:     t.Helpers,
		Returns:     values(&t.Returns),
		Packet:      uint32(t.Packet),
		PacketArgs:  uint32(t.PacketArgs),
		LoadAbs:     t.LoadAbs,
		Sleepable:   t.Sleepable,
		Loads:       t.Loads,
		Kernel:      t.Kernel,
		Attach:      t.Attach,
		Unsupported: t.Unsupported,
		Variants:    list(t.Variants, helper),
	}
}

func context(c *abi.Context) *pb.Context {
	return &pb.Context{Kind: uint32(c.Kind), Name: c.Name, Size: c.Size, Fields: list(c.Fields, field), Is: c.Is, Opaque: c.Opaque, Private: c.Private}
}

func field(f *abi.Field) *pb.Field {
	return &pb.Field{
		Name:        f.Name,
		Offset:      f.Offset,
		Size:        f.Size,
		Unit:        f.Unit,
		Signed:      f.Signed,
		Kind:        uint32(f.Kind),
		Access:      uint32(f.Access),
		Narrow:      f.Narrow,
		NarrowFirst: f.NarrowFirst,
		NarrowWrite: f.NarrowWrite,
		Wide:        f.Wide,
		Struct:      f.Struct,
		Mem:         f.Mem,
		OrNull:      f.OrNull,
		Max:         f.Max,
	}
}

// values orders the names, so that one set has one encoding.
func values(r *abi.Range) *pb.Range {
	out := &pb.Range{Min: r.Min, Max: r.Max, Zero: r.Zero}
	for _, v := range slices.Sorted(maps.Keys(r.Names)) {
		out.Names = append(out.Names, &pb.ReturnName{Value: v, Name: r.Names[v]})
	}
	return out
}
