// Package frompb converts the plugin protocol's types to the compiler's. What
// comes over the wire is not trusted: a number out of the range of its type, a
// digest of the wrong length or a missing part is an error. Results share byte
// slices with the messages; empty lists become nil.
package frompb

import (
	"errors"
	"fmt"

	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/codegen"
	"github.com/bpfc/bpfc/core/ir"
	"github.com/bpfc/bpfc/core/obj"
	"github.com/bpfc/bpfc/sdk/internal/pb"
)

// reader collects the first error of a conversion.
type reader struct{ err error }

func (r *reader) fail(format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf(format, args...)
	}
}

// narrow converts a number of the wire to a smaller type.
func narrow[T ~uint8 | ~uint16 | ~uint32](r *reader, v uint32, what string) T {
	if uint32(T(v)) != v {
		r.fail("%s %d is out of range", what, v)
	}
	return T(v)
}

func (r *reader) digest(b []byte, what string) (d [32]byte) {
	if len(b) != len(d) {
		r.fail("%s has a digest of %d bytes, not %d", what, len(b), len(d))
	}
	copy(d[:], b)
	return d
}

// list converts the elements of a list; a list of none is nil.
func list[A, B any](r *reader, in []*A, one func(*reader, *A) B) []B {
	if len(in) == 0 {
		return nil
	}
	out := make([]B, len(in))
	for i, a := range in {
		out[i] = one(r, a)
	}
	return out
}

// Target converts a target.
func Target(t *pb.Target) codegen.Target {
	out := codegen.Target{Name: t.GetName(), Version: t.GetVersion(), Arch: t.GetArch(), CPUs: t.GetCpus(), Object: t.GetObject(), Features: t.GetFeatures()}
	for _, o := range t.GetOpts() {
		out.Opts = append(out.Opts, int(o))
	}
	return out
}

// Options converts the options of a compile.
func Options(o *pb.Options) codegen.Options {
	return codegen.Options{Opt: int(o.GetOpt()), CPU: o.GetCpu(), Object: o.GetObject(), Features: o.GetFeatures()}
}

// Unit converts a unit and checks its programs, so that a back end gets only
// what ir.Check lets pass, whoever asks.
func Unit(u *pb.Unit) (*codegen.Unit, error) {
	if u == nil {
		return nil, errors.New("the request has no unit")
	}
	progs, err := ir.UnmarshalAll(u.GetPrograms())
	if err != nil {
		return nil, fmt.Errorf("programs of %s: %w", u.GetName(), err)
	}
	var r reader
	out := &codegen.Unit{
		Name:     u.GetName(),
		Programs: progs,
		Entries:  list(&r, u.GetEntries(), entryInfo),
		Maps:     list(&r, u.GetMaps(), mapSpec),
		Data:     list(&r, u.GetData(), data),
		Helpers:  list(&r, u.GetHelpers(), helper),
		Items:    list(&r, u.GetItems(), item),
	}
	if len(out.Entries) != len(progs) {
		r.fail("unit %s has %d programs and %d entries", out.Name, len(progs), len(out.Entries))
	}
	for _, p := range progs {
		if u.GetSharedData() {
			p.Data = out.Data
		}
		if err := ir.Check(p, ir.StageLowered); err != nil {
			r.fail("programs of %s: %w", out.Name, err)
		}
	}
	return out, r.err
}

// Artifact converts an artifact and its digest, without checking one against the other.
func Artifact(a *pb.Artifact) (*codegen.Artifact, error) {
	if a == nil {
		return nil, errors.New("there is no artifact")
	}
	var r reader
	out := &codegen.Artifact{
		Target:    a.GetTarget(),
		Version:   a.GetVersion(),
		Arch:      a.GetArch(),
		CPU:       a.GetCpu(),
		Name:      a.GetName(),
		Code:      a.GetCode(),
		Rodata:    a.GetRodata(),
		Entries:   list(&r, a.GetEntries(), entry),
		Symbols:   list(&r, a.GetSymbols(), symbol),
		Relocs:    list(&r, a.GetRelocs(), reloc),
		Exits:     list(&r, a.GetExits(), exit),
		Lines:     list(&r, a.GetLines(), lineEntry),
		StackSize: a.GetStackSize(),
		Maps:      list(&r, a.GetMaps(), mapSpec),
		Data:      list(&r, a.GetData(), data),
		Helpers:   list(&r, a.GetHelpers(), helper),
		Items:     list(&r, a.GetItems(), item),
		Digest:    r.digest(a.GetDigest(), "artifact"),
	}
	return out, r.err
}

func entryInfo(r *reader, e *pb.EntryInfo) codegen.EntryInfo {
	return codegen.EntryInfo{
		Name:        e.GetName(),
		Section:     e.GetSection(),
		Type:        e.GetType(),
		Context:     narrow[abi.ContextKind](r, e.GetContext(), "context kind"),
		CtxSize:     e.GetCtxSize(),
		Return32:    e.GetReturn32(),
		StackSize:   e.GetStackSize(),
		StackRegion: e.GetStackRegion(),
		Turn:        e.GetTurn(),
		TailDepth:   e.GetTailDepth(),
		Lines:       list(r, e.GetLines(), line),
		Insns:       int(e.GetInsns()),
	}
}

func line(_ *reader, l *pb.Line) obj.Line {
	return obj.Line{Slot: int(l.GetSlot()), File: l.GetFile(), Line: int(l.GetLine()), Col: int(l.GetCol()), Text: l.GetText()}
}

func entry(r *reader, e *pb.Entry) codegen.Entry {
	return codegen.Entry{
		EntryInfo: entryInfo(r, e.GetInfo()),
		Offset:    e.GetOffset(),
		HasC:      e.GetHasC(),
		COffset:   e.GetCOffset(),
		CChecked:  e.GetCChecked(),
	}
}

func symbol(r *reader, s *pb.Symbol) codegen.Symbol {
	return codegen.Symbol{
		Name:   s.GetName(),
		Offset: s.GetOffset(),
		Size:   s.GetSize(),
		Global: s.GetGlobal(),
		Prog:   s.GetProg(),
		CFA:    list(r, s.GetCfa(), cfaStep),
	}
}

func cfaStep(r *reader, c *pb.CFAStep) codegen.CFAStep {
	return codegen.CFAStep{Offset: c.GetOffset(), CFA: c.GetCfa(), Saved: list(r, c.GetSaved(), savedReg)}
}

func savedReg(r *reader, s *pb.SavedReg) codegen.SavedReg {
	return codegen.SavedReg{Reg: narrow[uint8](r, s.GetReg(), "saved register"), Below: s.GetBelow()}
}

func reloc(r *reader, x *pb.Reloc) codegen.Reloc {
	return codegen.Reloc{
		Offset: x.GetOffset(),
		Kind:   narrow[codegen.RelocKind](r, x.GetKind(), "relocation kind"),
		Index:  x.GetIndex(),
		Addend: x.GetAddend(),
	}
}

func exit(r *reader, x *pb.Exit) codegen.Exit {
	return codegen.Exit{
		Offset: x.GetOffset(),
		Code:   narrow[codegen.ExitCode](r, x.GetCode(), "exit code"),
		Rule:   narrow[ir.Rule](r, x.GetRule(), "rule"),
		Size:   narrow[uint8](r, x.GetSize(), "access size"),
		Write:  x.GetWrite(),
		Helper: x.GetHelper(),
		Prog:   x.GetProg(),
		Pos:    ir.Pos(x.GetPos()),
	}
}

func lineEntry(_ *reader, l *pb.LineEntry) codegen.LineEntry {
	return codegen.LineEntry{Offset: l.GetOffset(), Prog: l.GetProg(), Pos: ir.Pos(l.GetPos())}
}

func item(r *reader, i *pb.Item) codegen.Item {
	return codegen.Item{Kind: i.GetKind(), Name: i.GetName(), Digest: r.digest(i.GetDigest(), i.GetKind()+" "+i.GetName())}
}

func mapSpec(r *reader, m *pb.MapSpec) abi.MapSpec {
	return abi.MapSpec{
		Name:       m.GetName(),
		Type:       m.GetType(),
		KeySize:    m.GetKeySize(),
		ValueSize:  m.GetValueSize(),
		MaxEntries: m.GetMaxEntries(),
		Flags:      m.GetFlags(),
		Inner:      m.GetInner(),
		Pinning:    m.GetPinning(),
		Special:    list(r, m.GetSpecial(), special),
		Extra:      m.GetExtra(),
	}
}

func special(r *reader, s *pb.Special) abi.Special {
	return abi.Special{Kind: narrow[abi.SpecialKind](r, s.GetKind(), "kind of special field"), Offset: s.GetOffset(), Size: s.GetSize()}
}

func data(r *reader, d *pb.Data) obj.Data {
	return obj.Data{
		Name:     d.GetName(),
		Bytes:    d.GetBytes(),
		ReadOnly: d.GetReadOnly(),
		Align:    d.GetAlign(),
		Symbols:  list(r, d.GetSymbols(), dataSymbol),
		Relocs:   list(r, d.GetRelocs(), dataReloc),
		Special:  list(r, d.GetSpecial(), special),
	}
}

func dataSymbol(_ *reader, s *pb.DataSymbol) obj.DataSymbol {
	return obj.DataSymbol{Name: s.GetName(), Offset: s.GetOffset(), Size: s.GetSize()}
}

func dataReloc(_ *reader, x *pb.DataReloc) obj.DataReloc {
	return obj.DataReloc{Offset: x.GetOffset(), Index: int(x.GetIndex()), Addend: x.GetAddend()}
}

func helper(r *reader, h *pb.Helper) abi.Helper {
	out := abi.Helper{
		ID:           h.GetId(),
		Name:         h.GetName(),
		C:            h.GetC(),
		Ret:          narrow[abi.RetKind](r, h.GetRet(), "return kind"),
		Flags:        abi.Flags(h.GetFlags()),
		RetSize:      h.GetRetSize(),
		RetStruct:    h.GetRetStruct(),
		Returns:      values(h.GetReturns()),
		Callback:     callback(r, h.GetCallback()),
		Dynptr:       narrow[abi.DynptrKind](r, h.GetDynptr(), "dynptr kind"),
		Intrinsic:    narrow[abi.Intrinsic](r, h.GetIntrinsic(), "intrinsic"),
		With:         h.GetWith(),
		Impl:         narrow[abi.Impl](r, h.GetImpl(), "implementation kind"),
		Body:         some(h.GetBody()),
		Native:       some(h.GetNative()),
		NativeTarget: h.GetNativeTarget(),
	}
	for _, n := range []int{len(h.GetArgs()), len(h.GetSizes()), len(h.GetStructs())} {
		if n > len(out.Args) {
			r.fail("helper %s has %d arguments, at most %d are possible", out.Name, n, len(out.Args))
			return out
		}
	}
	out.Args = kinds[abi.ArgKind](r, h.GetArgs(), "argument kind")
	copy(out.Sizes[:], h.GetSizes())
	copy(out.Structs[:], h.GetStructs())
	return out
}

// kinds converts up to five kinds.
func kinds[T ~uint8](r *reader, in []uint32, what string) (out [5]T) {
	if len(in) > len(out) {
		r.fail("there are %d of %s, at most %d are possible", len(in), what, len(out))
		return out
	}
	for i, k := range in {
		out[i] = narrow[T](r, k, what)
	}
	return out
}

func callback(r *reader, c *pb.Callback) *abi.Callback {
	if c == nil {
		return nil
	}
	return &abi.Callback{
		Args:    kinds[abi.CallbackArg](r, c.GetArgs(), "callback argument"),
		Returns: values(c.GetReturns()),
		Async:   c.GetAsync(),
		Many:    c.GetMany(),
	}
}

// some is nil for no bytes, so that a definition has one digest on both sides.
func some(b []byte) []byte {
	if len(b) == 0 {
		return nil
	}
	return b
}

// Set converts a set; nil stays nil.
func Set(s *pb.Set) (*abi.Set, error) {
	if s == nil {
		return nil, nil
	}
	var r reader
	out := &abi.Set{
		Name:     s.GetName(),
		Types:    list(&r, s.GetTypes(), progType),
		Helpers:  list(&r, s.GetHelpers(), helper),
		MapKinds: list(&r, s.GetMapKinds(), mapKind),
		Structs:  list(&r, s.GetStructs(), context),
	}
	return out, r.err
}

func mapKind(r *reader, k *pb.MapKind) abi.MapKind {
	return abi.MapKind{
		Name:    k.GetName(),
		Type:    k.GetType(),
		Helpers: k.GetHelpers(),
		Values:  narrow[abi.MapValues](r, k.GetValues(), "kind of values"),
		Struct:  k.GetStruct(),
		Direct:  k.GetDirect(),
		Indexed: k.GetIndexed(),
	}
}

func progType(r *reader, t *pb.ProgType) abi.ProgType {
	return abi.ProgType{
		Name:        t.GetName(),
		Sections:    t.GetSections(),
		Context:     context(r, t.GetContext()),
		Helpers:     t.GetHelpers(),
		Returns:     values(t.GetReturns()),
		Packet:      narrow[abi.PacketAccess](r, t.GetPacket(), "packet access"),
		PacketArgs:  narrow[abi.PacketArgs](r, t.GetPacketArgs(), "kind of packet arguments"),
		LoadAbs:     t.GetLoadAbs(),
		Sleepable:   t.GetSleepable(),
		Loads:       t.GetLoads(),
		Kernel:      t.GetKernel(),
		Attach:      t.GetAttach(),
		Unsupported: t.GetUnsupported(),
		Variants:    list(r, t.GetVariants(), helper),
	}
}

func context(r *reader, c *pb.Context) abi.Context {
	return abi.Context{
		Kind:    narrow[abi.ContextKind](r, c.GetKind(), "context kind"),
		Name:    c.GetName(),
		Size:    c.GetSize(),
		Fields:  list(r, c.GetFields(), field),
		Is:      c.GetIs(),
		Opaque:  c.GetOpaque(),
		Private: c.GetPrivate(),
	}
}

func field(r *reader, f *pb.Field) abi.Field {
	return abi.Field{
		Name:        f.GetName(),
		Offset:      f.GetOffset(),
		Size:        f.GetSize(),
		Unit:        f.GetUnit(),
		Signed:      f.GetSigned(),
		Kind:        narrow[abi.FieldKind](r, f.GetKind(), "field kind"),
		Access:      narrow[abi.Access](r, f.GetAccess(), "access"),
		Narrow:      f.GetNarrow(),
		NarrowFirst: f.GetNarrowFirst(),
		NarrowWrite: f.GetNarrowWrite(),
		Wide:        f.GetWide(),
		Struct:      f.GetStruct(),
		Mem:         f.GetMem(),
		OrNull:      f.GetOrNull(),
		Max:         f.GetMax(),
	}
}

func values(x *pb.Range) abi.Range {
	out := abi.Range{Min: x.GetMin(), Max: x.GetMax(), Zero: x.GetZero()}
	for _, n := range x.GetNames() {
		if out.Names == nil {
			out.Names = map[int64]string{}
		}
		out.Names[n.GetValue()] = n.GetName()
	}
	return out
}
