package ir

import (
	"encoding/binary"
	"fmt"
	"maps"
	"math"
	"math/bits"
	"slices"

	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/isa"
	"github.com/bpfc/bpfc/core/obj"
)

// The binary form: magic, version, then varints (encoding/binary's uvarint;
// signed numbers in zigzag). A list is its length and its elements. A string is 0, its length and bytes when it
// occurs first, later the number of that occurrence.
//
//	list of map tables, of data tables, of helper tables
//	list of programs: name, section, type, licence, three table numbers, lines, functions
//	function: name, pos, frame, virtual registers, global, parameters, list of blocks: params, two lists of args, instructions
//	instruction: op, bit mask of the fields (wireFields) that are not zero, those fields
const (
	binaryMagic   = "BPIR"
	binaryVersion = 3
)

// DecodeError is a place in bytes that are no IR.
type DecodeError struct {
	Offset int
	Msg    string
}

// Error is one line: the place and what is wrong.
func (e *DecodeError) Error() string { return fmt.Sprintf("binary IR, byte %d: %s", e.Offset, e.Msg) }

// Marshal is the program in the binary form. The same program gives the same bytes.
func Marshal(p *Program) []byte { return MarshalAll([]*Program{p}) }

// Unmarshal is the inverse of Marshal; see UnmarshalAll.
func Unmarshal(b []byte) (*Program, error) {
	list, err := UnmarshalAll(b)
	if err == nil && len(list) != 1 {
		err = &DecodeError{len(b), fmt.Sprintf("%d programs, where one is wanted", len(list))}
	}
	if err != nil {
		return nil, err
	}
	return list[0], nil
}

// MarshalAll is the programs of one object in the binary form. Tables of maps,
// data and helpers that programs share (the same slice) are written once. The same
// programs give the same bytes.
func MarshalAll(list []*Program) []byte {
	w := &writer{buf: append([]byte(binaryMagic), binaryVersion), strings: map[string]int{}}
	maps, data, helpers := &tables[abi.MapSpec]{}, &tables[obj.Data]{}, &tables[abi.Helper]{}
	numbers := make([][3]int, len(list))
	for i, p := range list {
		numbers[i] = [3]int{maps.add(p.Maps), data.add(p.Data), helpers.add(p.Helpers)}
	}
	writeTables(w, maps, (*writer).mapSpec)
	writeTables(w, data, (*writer).data)
	writeTables(w, helpers, (*writer).helper)
	w.uint(uint64(len(list)))
	for i, p := range list {
		w.program(p, numbers[i])
	}
	return w.buf
}

// UnmarshalAll is the inverse of MarshalAll: the result shares tables as the
// original did. The programs are what the bytes say, not yet what Check demands.
// It needs at most 50 bytes of memory for a byte of b, shares none with b, and its error is a *DecodeError.
func UnmarshalAll(b []byte) ([]*Program, error) {
	r := &reader{b: b}
	if len(b) <= len(binaryMagic) || string(b[:len(binaryMagic)]) != binaryMagic {
		return nil, &DecodeError{0, "these bytes are no binary IR"}
	}
	if v := b[len(binaryMagic)]; v != binaryVersion {
		return nil, &DecodeError{len(binaryMagic), fmt.Sprintf("version %d: this program reads version %d; use a bpfc and plugins of one release", v, binaryVersion)}
	}
	r.at = len(binaryMagic) + 1
	maps := readTables(r, (*reader).mapSpec, mapSpecBytes)
	data := readTables(r, (*reader).data, dataBytes)
	helpers := readTables(r, (*reader).helper, helperBytes)
	list := readList(r, programBytes, func(r *reader) *Program { return r.program(maps, data, helpers) })
	if r.err == nil && r.at != len(b) {
		r.fail("%d bytes follow the last program", len(b)-r.at)
	}
	if r.err != nil {
		return nil, r.err
	}
	return list, nil
}

// The least number of bytes of an element, which bounds the memory of a list.
const (
	mapSpecBytes = 10
	dataBytes    = 7
	helperBytes  = 30
	programBytes = 9
	lineBytes    = 5
	funcBytes    = 7
	blockBytes   = 4
	specialBytes = 3
	insnBytes    = 2
)

// tables are distinct tables, told apart by identity.
type tables[T any] struct{ list [][]T }

// add returns the number of table t.
func (x *tables[T]) add(t []T) int {
	for i, u := range x.list {
		if len(t) == len(u) && (len(t) == 0 || &t[0] == &u[0]) {
			return i
		}
	}
	x.list = append(x.list, t)
	return len(x.list) - 1
}

// Writing.

type writer struct {
	buf     []byte
	strings map[string]int // number of the string, from 1
}

func (w *writer) uint(v uint64) { w.buf = binary.AppendUvarint(w.buf, v) }
func (w *writer) int(v int64)   { w.buf = binary.AppendVarint(w.buf, v) }

func (w *writer) uints(list ...uint32) {
	for _, v := range list {
		w.uint(uint64(v))
	}
}

func (w *writer) bytes(b []byte) {
	w.uint(uint64(len(b)))
	w.buf = append(w.buf, b...)
}

func (w *writer) str(s string) {
	if n, ok := w.strings[s]; ok {
		w.uint(uint64(n))
		return
	}
	w.strings[s] = len(w.strings) + 1
	w.uint(0)
	w.bytes([]byte(s))
}

func writeList[T any](w *writer, list []T, write func(*writer, *T)) {
	w.uint(uint64(len(list)))
	for i := range list {
		write(w, &list[i])
	}
}

func writeTables[T any](w *writer, t *tables[T], write func(*writer, *T)) {
	writeList(w, t.list, func(w *writer, list *[]T) { writeList(w, *list, write) })
}

func (w *writer) mapSpec(m *abi.MapSpec) {
	w.str(m.Name)
	for _, a := range mapAttrs(m) {
		w.uints(*a.value)
	}
	w.uint(m.Extra)
	writeList(w, m.Special, (*writer).special)
}

func (w *writer) special(s *abi.Special) { w.uints(uint32(s.Kind), s.Offset, s.Size) }

func (w *writer) data(d *obj.Data) {
	w.str(d.Name)
	w.bytes(d.Bytes)
	w.flag(d.ReadOnly)
	w.uints(d.Align)
	writeList(w, d.Symbols, func(w *writer, s *obj.DataSymbol) {
		w.str(s.Name)
		w.uints(s.Offset, s.Size)
	})
	writeList(w, d.Relocs, func(w *writer, x *obj.DataReloc) {
		w.uints(x.Offset)
		w.int(int64(x.Index))
		w.int(x.Addend)
	})
	writeList(w, d.Special, (*writer).special)
}

func (w *writer) flag(b bool) {
	if b {
		w.uint(1)
	} else {
		w.uint(0)
	}
}

func (w *writer) helper(h *abi.Helper) {
	w.uints(h.ID, uint32(h.Ret), uint32(h.Flags), uint32(h.Impl), uint32(h.Dynptr), uint32(h.Intrinsic), h.RetSize)
	w.str(h.Name)
	w.str(h.C)
	w.str(h.RetStruct)
	for i, a := range h.Args {
		w.uints(uint32(a), h.Sizes[i])
		w.str(h.Structs[i])
	}
	w.values(&h.Returns)
	w.flag(h.Callback != nil)
	if h.Callback != nil {
		w.callback(h.Callback)
	}
	w.bytes(h.Body)
	w.bytes(h.Native)
	w.str(h.NativeTarget)
	w.str(h.With)
}

func (w *writer) callback(c *abi.Callback) {
	for _, a := range c.Args {
		w.uints(uint32(a))
	}
	w.values(&c.Returns)
	w.flag(c.Async)
	w.flag(c.Many)
}

// values writes a range, its names in ascending order.
func (w *writer) values(r *abi.Range) {
	w.int(r.Min)
	w.int(r.Max)
	w.flag(r.Zero)
	names := slices.Sorted(maps.Keys(r.Names))
	writeList(w, names, func(w *writer, v *int64) {
		w.int(*v)
		w.str(r.Names[*v])
	})
}

func (w *writer) program(p *Program, tables [3]int) {
	w.str(p.Name)
	w.str(p.Section)
	w.str(p.Type)
	w.str(p.License)
	for _, n := range tables {
		w.uint(uint64(n))
	}
	writeList(w, p.Lines, (*writer).line)
	writeList(w, p.Funcs, (*writer).function)
}

func (w *writer) line(l *obj.Line) {
	w.int(int64(l.Slot))
	w.str(l.File)
	w.int(int64(l.Line))
	w.int(int64(l.Col))
	w.str(l.Text)
}

func (w *writer) function(f **Func) {
	w.str((*f).Name)
	w.int(int64((*f).Pos))
	w.int(int64((*f).Frame))
	w.uint(uint64((*f).Virtual))
	w.flag((*f).Global)
	writeList(w, (*f).Params, func(w *writer, p *obj.Param) {
		w.uints(uint32(p.Kind), p.Size)
		w.str(p.Struct)
		w.flag(p.NonNull)
	})
	pos := (*f).Pos
	writeList(w, (*f).Blocks, func(w *writer, b **Block) {
		for _, regs := range [...][]Reg{(*b).Params, (*b).Args[0], (*b).Args[1]} {
			writeList(w, regs, func(w *writer, r *Reg) { w.int(int64(*r)) })
		}
		writeList(w, (*b).Insns, func(w *writer, i *Insn) { w.insn(i, &pos) })
	})
}

// insn writes i; pos is the position of the instruction before, and then its own.
func (w *writer) insn(i *Insn, pos *Pos) {
	v, mask := i.values(*pos), uint64(0)
	for k := range v {
		if v[k] != 0 {
			mask |= 1 << k
		}
	}
	w.buf = append(w.buf, byte(i.Op))
	w.uint(mask)
	for ; mask != 0; mask &= mask - 1 {
		w.int(v[bits.TrailingZeros64(mask)])
	}
	*pos = i.Pos
}

// wireFields are the fields of Insn but Op with their ranges, often used ones
// first. values and insnOf have the same order.
var wireFields = [...]struct {
	name   string
	lo, hi int64
}{
	{"width", 0, math.MaxUint8},
	{"dst", math.MinInt32, math.MaxInt32},
	{"a", math.MinInt32, math.MaxInt32},
	{"b", math.MinInt32, math.MaxInt32},
	{"immediate", math.MinInt64, math.MaxInt64},
	{"slot", math.MinInt32, math.MaxInt32},
	{"size", 0, math.MaxUint8},
	{"base", math.MinInt32, math.MaxInt32},
	{"displacement", math.MinInt32, math.MaxInt32},
	{"then", math.MinInt32, math.MaxInt32},
	{"else", math.MinInt32, math.MaxInt32},
	{"condition", 0, int64(isa.SET)},
	{"region", 0, math.MaxUint16},
	{"rule", 0, int64(RuleAlign)},
	{"write", 0, 1},
	{"sign", 0, 1},
	{"index", math.MinInt32, math.MaxInt32},
	{"scale", 0, math.MaxUint8},
	{"reference kind", 0, int64(RefHelper)},
	{"reference", math.MinInt32, math.MaxInt32},
	{"order", 0, int64(SeqCst)},
}

type wireValues [len(wireFields)]int64

// values are the fields of i in the order of wireFields; Pos is relative to pos.
func (i *Insn) values(pos Pos) wireValues {
	return wireValues{
		int64(i.Width), int64(i.Dst), int64(i.A), int64(i.B), i.Imm, int64(i.Pos - pos), int64(i.Size),
		int64(i.Base), int64(i.Disp), int64(i.Then), int64(i.Else), int64(i.Cond), int64(i.Region), int64(i.Rule),
		bit(i.Write), bit(i.Sign), int64(i.Index), int64(i.Scale), int64(i.Ref.Kind), int64(i.Ref.Index), int64(i.Order),
	}
}

// insnOf is the inverse of values. The values are in range.
func insnOf(op Op, v *wireValues, pos Pos) Insn {
	return Insn{
		Op: op, Width: uint8(v[0]), Dst: Reg(v[1]), A: Reg(v[2]), B: Reg(v[3]), Imm: v[4], Pos: pos + Pos(v[5]), Size: uint8(v[6]),
		Base: Reg(v[7]), Disp: int32(v[8]), Then: BlockID(v[9]), Else: BlockID(v[10]), Cond: isa.Cond(v[11]), Region: uint16(v[12]), Rule: Rule(v[13]),
		Write: v[14] != 0, Sign: v[15] != 0, Index: Reg(v[16]), Scale: uint8(v[17]), Ref: Ref{RefKind(v[18]), int32(v[19])}, Order: Order(v[20]),
	}
}

func bit(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// Reading. The first error sticks: what is read after it is zero.

type reader struct {
	b       []byte
	at      int
	err     *DecodeError
	strings []string
}

func (r *reader) fail(format string, args ...any) {
	if r.err == nil {
		r.err = &DecodeError{r.at, fmt.Sprintf(format, args...)}
		r.at = len(r.b)
	}
}

// varint moves over a number of n bytes; n ≤ 0 means that there is none.
func varint[T any](r *reader, v T, n int) (zero T) {
	if n <= 0 {
		r.fail("the bytes end within a number, or it has more than 64 bits")
		return zero
	}
	r.at += n
	return v
}

func (r *reader) uint(what string, hi uint64) uint64 {
	v, n := binary.Uvarint(r.b[r.at:])
	if v = varint(r, v, n); v > hi {
		r.fail("%s: %d is more than %d", what, v, hi)
		return 0
	}
	return v
}

func (r *reader) int(what string, lo, hi int64) int64 {
	v, n := binary.Varint(r.b[r.at:])
	if v = varint(r, v, n); v < lo || v > hi {
		r.fail("%s: %d is not from %d to %d", what, v, lo, hi)
		return 0
	}
	return v
}

func (r *reader) flag() bool                { return r.uint("flag", 1) == 1 }
func (r *reader) byte(what string) uint8    { return uint8(r.uint(what, math.MaxUint8)) }
func (r *reader) int64(what string) int64   { return r.int(what, math.MinInt64, math.MaxInt64) }
func (r *reader) uint32(what string) uint32 { return uint32(r.uint(what, math.MaxUint32)) }
func (r *reader) int32(what string) int32   { return int32(r.int(what, math.MinInt32, math.MaxInt32)) }

// length reads the length of a list whose elements have at least size bytes each.
func (r *reader) length(size int) int {
	n := r.uint("length", math.MaxInt32)
	if n > uint64((len(r.b)-r.at)/size) {
		r.fail("a list of %d elements is longer than the bytes left", n)
		return 0
	}
	return int(n)
}

func (r *reader) raw() []byte {
	n := r.length(1)
	b := r.b[r.at : r.at+n]
	r.at += n
	return b
}

func (r *reader) bytes() []byte { return append([]byte(nil), r.raw()...) }

func (r *reader) str() string {
	n := r.uint("string number", uint64(len(r.strings)))
	if n > 0 {
		return r.strings[n-1]
	}
	s := string(r.raw())
	r.strings = append(r.strings, s)
	return s
}

// readList reads a list, nil if it is empty.
func readList[T any](r *reader, size int, read func(*reader) T) []T {
	n := r.length(size)
	if n == 0 {
		return nil
	}
	list := make([]T, 0, n)
	for len(list) < n && r.err == nil {
		list = append(list, read(r))
	}
	return list
}

func readTables[T any](r *reader, read func(*reader) T, size int) [][]T {
	return readList(r, 1, func(r *reader) []T { return readList(r, size, read) })
}

func (r *reader) mapSpec() abi.MapSpec {
	m := abi.MapSpec{Name: r.str()}
	for _, a := range mapAttrs(&m) {
		*a.value = r.uint32(a.name)
	}
	m.Extra = r.uint("extra", math.MaxUint64)
	m.Special = readList(r, specialBytes, (*reader).special)
	return m
}

func (r *reader) special() abi.Special {
	return abi.Special{Kind: abi.SpecialKind(r.byte("kind of field")), Offset: r.uint32("offset"), Size: r.uint32("size")}
}

func (r *reader) data() obj.Data {
	d := obj.Data{Name: r.str(), Bytes: r.bytes(), ReadOnly: r.flag(), Align: r.uint32("alignment")}
	d.Symbols = readList(r, 3, func(r *reader) obj.DataSymbol {
		return obj.DataSymbol{Name: r.str(), Offset: r.uint32("offset"), Size: r.uint32("size")}
	})
	d.Relocs = readList(r, 3, func(r *reader) obj.DataReloc {
		return obj.DataReloc{Offset: r.uint32("offset"), Index: int(r.int32("index")), Addend: r.int("addend", math.MinInt64, math.MaxInt64)}
	})
	d.Special = readList(r, specialBytes, (*reader).special)
	return d
}

func (r *reader) helper() abi.Helper {
	h := abi.Helper{ID: r.uint32("helper number"), Ret: abi.RetKind(r.byte("return kind")),
		Flags: abi.Flags(r.uint32("flags")), Impl: abi.Impl(r.byte("way to run")), Dynptr: abi.DynptrKind(r.byte("dynptr kind")),
		Intrinsic: abi.Intrinsic(r.byte("intrinsic")),
		RetSize:   r.uint32("size"), Name: r.str(), C: r.str(), RetStruct: r.str()}
	for i := range h.Args {
		h.Args[i], h.Sizes[i], h.Structs[i] = abi.ArgKind(r.byte("argument kind")), r.uint32("size"), r.str()
	}
	h.Returns = r.values()
	if r.flag() {
		h.Callback = r.callback()
	}
	h.Body, h.Native, h.NativeTarget, h.With = r.bytes(), r.bytes(), r.str(), r.str()
	return h
}

func (r *reader) callback() *abi.Callback {
	c := &abi.Callback{}
	for i := range c.Args {
		c.Args[i] = abi.CallbackArg(r.byte("callback argument"))
	}
	c.Returns, c.Async, c.Many = r.values(), r.flag(), r.flag()
	return c
}

// values reads a range. The names are in ascending order, so that a range has one form.
func (r *reader) values() abi.Range {
	v := abi.Range{Min: r.int64("least value"), Max: r.int64("greatest value"), Zero: r.flag()}
	n, last := r.length(2), int64(0)
	for i := 0; i < n && r.err == nil; i++ {
		value := r.int64("value")
		if i > 0 && value <= last {
			r.fail("the name of value %d comes after that of %d", value, last)
			break
		}
		if v.Names == nil {
			v.Names = map[int64]string{}
		}
		v.Names[value], last = r.str(), value
	}
	return v
}

func (r *reader) program(maps [][]abi.MapSpec, data [][]obj.Data, helpers [][]abi.Helper) *Program {
	p := &Program{Name: r.str(), Section: r.str(), Type: r.str(), License: r.str()}
	p.Maps, p.Data, p.Helpers = table(r, maps), table(r, data), table(r, helpers)
	p.Lines = readList(r, lineBytes, (*reader).line)
	p.Funcs = readList(r, funcBytes, (*reader).function)
	return p
}

// table reads the number of one of list.
func table[T any](r *reader, list [][]T) []T {
	n := r.uint("table number", math.MaxInt32)
	if n >= uint64(len(list)) {
		r.fail("table %d of %d", n, len(list))
		return nil
	}
	return list[n]
}

func (r *reader) line() obj.Line {
	return obj.Line{Slot: int(r.int32("slot")), File: r.str(), Line: int(r.int32("line")), Col: int(r.int32("column")), Text: r.str()}
}

func (r *reader) function() *Func {
	f := &Func{Name: r.str(), Pos: Pos(r.int32("slot")), Frame: r.int32("frame"), Virtual: int32(r.uint("virtual registers", math.MaxInt32)), Global: r.flag()}
	f.Params = readList(r, 4, func(r *reader) obj.Param {
		return obj.Param{Kind: obj.ParamKind(r.byte("kind of parameter")), Size: r.uint32("size"), Struct: r.str(), NonNull: r.flag()}
	})
	pos := f.Pos
	f.Blocks = readList(r, blockBytes, func(r *reader) *Block {
		regs := func() []Reg { return readList(r, 1, func(r *reader) Reg { return Reg(r.int32("register")) }) }
		b := &Block{Params: regs()}
		b.Args = [2][]Reg{regs(), regs()}
		b.Insns = readList(r, insnBytes, func(r *reader) Insn { return r.insn(&pos) })
		return b
	})
	for i, b := range f.Blocks {
		b.ID = BlockID(i)
	}
	return f
}

// insn reads what writer.insn writes.
func (r *reader) insn(pos *Pos) Insn {
	if r.at >= len(r.b) {
		r.fail("the bytes end where an instruction is expected")
		return Insn{}
	}
	op := Op(r.b[r.at])
	if !op.valid() {
		r.fail("unknown op %d", op)
		return Insn{}
	}
	r.at++
	var v wireValues
	for mask := r.uint("fields", 1<<len(wireFields)-1); mask != 0 && r.err == nil; mask &= mask - 1 {
		k := bits.TrailingZeros64(mask)
		v[k] = r.int(wireFields[k].name, wireFields[k].lo, wireFields[k].hi)
	}
	i := insnOf(op, &v, *pos)
	*pos = i.Pos
	return i
}
