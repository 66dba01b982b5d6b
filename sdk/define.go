package sdk

import "hash/fnv"

// SetBuilder declares a helper set part by part. Its methods return what they have declared, so that the rest of it can
// be set: Flags, Sizes, Returns, C. CheckSet says what is wrong with the whole.
//
//	s := sdk.NewSet("hello")
//	s.Type("hello", sdk.Struct("hello_ctx", sdk.U32("user"), sdk.Writable(sdk.U64("count"))))
//	s.Go("hash", sdk.Args{sdk.ArgMem, sdk.ArgSize})
//	return s.Set()
type SetBuilder struct {
	name    string
	number  uint32
	types   []*ProgType
	helpers []*Helper
}

// Args are the kinds of a helper's arguments; the rest are none.
type Args = [5]ArgKind

// NewSet begins a set. Its helpers are called NAME/helper, and have numbers for programs without symbols: see Number.
func NewSet(name string) *SetBuilder { return (&SetBuilder{name: name}).Number(numberOf(name)) }

// numberOf is the upper half of the numbers of a set's helpers: a hash of its name, but 0, which is the kernel's.
func numberOf(name string) uint16 {
	h := fnv.New32a()
	h.Write([]byte(name)) // never fails
	return max(uint16(h.Sum32()>>16)^uint16(h.Sum32()), 1)
}

// Number chooses the upper 16 bits of the helpers' numbers, where the hash of the name meets that of another set. The
// lower ones count the helpers from 1, so new helpers come last.
func (b *SetBuilder) Number(upper uint16) *SetBuilder {
	b.number = uint32(upper) << 16
	return b
}

// Type declares a program type. Programs of sections NAME and NAME/… have it, and may call every helper.
func (b *SetBuilder) Type(name string, c Context) *ProgType {
	t := &ProgType{Name: name, Sections: []string{name, name + "/*"}, Context: c, Helpers: []string{"*"}}
	b.types = append(b.types, t)
	return t
}

// Go declares a helper that is a function in Go: see Implementation.
func (b *SetBuilder) Go(name string, args Args) *Helper {
	return b.helper(Helper{Name: name, Args: args, Impl: ImplGo})
}

// Body declares a helper that is BPF bytecode, compiled with the programs that call it: see asm.MustBody.
func (b *SetBuilder) Body(name string, args Args, code []byte) *Helper {
	return b.helper(Helper{Name: name, Args: args, Impl: ImplBody, Body: code})
}

// Native declares a helper that is machine code for a GOARCH: position-independent, System V, uint64_t f(uint64_t, …).
// It runs if the plugin is pinned by its checksum.
func (b *SetBuilder) Native(name string, args Args, goarch string, code []byte) *Helper {
	return b.helper(Helper{Name: name, Args: args, Impl: ImplNative, Native: code, NativeTarget: goarch})
}

func (b *SetBuilder) helper(h Helper) *Helper {
	h.Name = b.name + "/" + h.Name
	h.ID = b.number | uint32(len(b.helpers)+1)
	b.helpers = append(b.helpers, &h)
	return &h
}

// Set returns the set as it has been declared.
func (b *SetBuilder) Set() *Set {
	s := &Set{Name: b.name}
	for _, t := range b.types {
		s.Types = append(s.Types, *t)
	}
	for _, h := range b.helpers {
		s.Helpers = append(s.Helpers, *h)
	}
	return s
}

// Struct is a context of fields that are laid out as C does. Programs may read them, in parts too; see Writable.
func Struct(name string, fields ...Field) Context {
	c := Context{Kind: CtxStruct, Name: name}
	largest := uint32(1)
	for _, f := range fields {
		f.Offset = alignTo(c.Size, f.Size)
		c.Size = f.Offset + f.Size
		largest = max(largest, f.Size)
		c.Fields = append(c.Fields, f)
	}
	c.Size = alignTo(c.Size, largest)
	return c
}

func alignTo(n, size uint32) uint32 { return (n + size - 1) / size * size }

// U8, U16, U32 and U64 are fields of a Struct: unsigned numbers of as many bits.
func U8(name string) Field  { return number(name, 1) }
func U16(name string) Field { return number(name, 2) }
func U32(name string) Field { return number(name, 4) }
func U64(name string) Field { return number(name, 8) }

func number(name string, size uint32) Field { return Field{Name: name, Size: size, Narrow: true} }

// Writable lets programs write a field of a Struct.
func Writable(f Field) Field {
	f.Access = ReadWrite
	return f
}
