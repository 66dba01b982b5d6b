package objfile

import (
	"fmt"
	"math"

	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/codegen"
)

// maxMapSize bounds the storage of one array map: code reaches it by 32-bit relative addresses.
const maxMapSize = 1 << 30

// maxAlign bounds the alignment of a data section, and with it the padding of the file. Static data needs at most a page.
const maxAlign = 1 << 16

// maxSections is where ELF's section indexes end without extensions (SHN_LORESERVE), less those that an object always has.
const maxSections = 0xff00 - 64

type checker struct {
	*codegen.Artifact
	err error
}

// check refuses what cannot be linked and what is malformed, and names everything.
func check(a *codegen.Artifact) (*names, error) {
	c := &checker{Artifact: a}
	c.linkable()
	c.symbols()
	c.relocs()
	c.lines()
	for i := range a.Data {
		c.data(i)
	}
	if c.err != nil {
		return nil, c.err
	}
	return makeNames(a)
}

func (c *checker) unsupported(format string, args ...any) {
	if c.err == nil {
		c.err = &UnsupportedError{Name: c.Name, Reason: fmt.Sprintf(format, args...)}
	}
}

// require records, unless ok, that the artifact is malformed.
func (c *checker) require(ok bool, format string, args ...any) {
	if !ok && c.err == nil {
		c.err = &MalformedError{Name: c.Name, Detail: fmt.Sprintf(format, args...)}
	}
}

func (c *checker) linkable() {
	if c.Arch != "amd64" {
		c.unsupported("its code is for %q, objects are for amd64", c.Arch)
	}
	for i := range c.Entries {
		e := &c.Entries[i]
		if !e.HasC {
			c.unsupported("back end %s made no C entry for program %s", c.Target, e.Name)
		}
		c.require(int(e.Context) < len(parameters), "program %s has a context of kind %d", e.Name, e.Context)
	}
	for _, x := range c.Exits {
		if x.Code == codegen.ExitHelper {
			c.require(int(x.Helper) >= 0 && int(x.Helper) < len(c.Helpers), "exit at %#x names helper %d of %d", x.Offset, x.Helper, len(c.Helpers))
			if c.err == nil {
				c.unsupported("helper %s runs in Go; an object can only call native functions", c.Helpers[x.Helper].Name)
			}
		}
	}
	if 2*(len(c.Data)+len(c.Maps)) > maxSections {
		c.unsupported("it has %d maps and data sections, an object has room for %d", len(c.Data)+len(c.Maps), maxSections/2)
	}
	for i := range c.Maps {
		if m := &c.Maps[i]; m.Type == abi.MapTypeArray && m.ArrayBytes() > maxMapSize {
			c.unsupported("array map %s needs %d bytes, more than the %d that code can reach", m.Name, m.ArrayBytes(), maxMapSize)
		}
	}
}

// symbols checks that functions are in order and do not overlap, so that each has one unwinding rule.
func (c *checker) symbols() {
	last := uint64(0)
	for i := range c.Symbols {
		s := &c.Symbols[i]
		end := uint64(s.Offset) + uint64(s.Size)
		c.require(s.Size > 0 && uint64(s.Offset) >= last, "function %s at %#x is empty or begins before the one before it ends", s.Name, s.Offset)
		c.require(end <= uint64(len(c.Code)), "function %s ends at %#x, the code at %#x", s.Name, end, len(c.Code))
		last = end
		c.frame(s, end)
	}
}

func (c *checker) frame(s *codegen.Symbol, end uint64) {
	at := s.Offset
	for _, step := range s.CFA {
		c.require(step.Offset >= at && uint64(step.Offset) <= end, "unwinding rule at %#x of %s is out of order", step.Offset, s.Name)
		c.require(step.CFA >= 8, "unwinding rule at %#x of %s has the caller's frame %d bytes above rsp", step.Offset, s.Name, step.CFA)
		at = step.Offset
		for _, r := range step.Saved {
			c.require(r.Below > 8 && r.Below%dataAlign == 0 && r.Reg < dwarfRA, "register %d of %s is saved %d bytes below the frame", r.Reg, s.Name, r.Below)
		}
	}
}

func (c *checker) relocs() {
	for _, r := range c.Relocs {
		c.require(uint64(r.Offset)+4 <= uint64(len(c.Code)), "relocation at %#x, the code ends at %#x", r.Offset, len(c.Code))
		n := 1
		switch r.Kind {
		case codegen.RelocData:
			n = len(c.Data)
		case codegen.RelocHelper:
			n = len(c.Helpers)
		case codegen.RelocMapValue, codegen.RelocMap:
			n = len(c.Maps)
		case codegen.RelocRodata, codegen.RelocFaultHook:
			r.Index = 0
		default:
			n = 0
		}
		c.require(r.Index >= 0 && int(r.Index) < n, "relocation at %#x of kind %d has index %d of %d", r.Offset, r.Kind, r.Index, n)
		if r.Kind == codegen.RelocMapValue && c.err == nil {
			c.mapValue(&c.Maps[r.Index])
		}
	}
}

// mapValue refuses a map whose values the code reaches and that is not what the code takes it for.
func (c *checker) mapValue(m *abi.MapSpec) {
	switch {
	case m.Type != abi.MapTypeArray:
		c.unsupported("it uses map %s of kind %d; only array maps (kind %d) can be part of an object", m.Name, m.Type, abi.MapTypeArray)
	case m.Flags&abi.MapFlagReadOnlyProg != 0:
		c.unsupported("it uses map %s with BPF_F_RDONLY_PROG; guards of machine code do not tell it from a writable one", m.Name)
	case m.ArrayBytes() == 0:
		c.unsupported("it uses array map %s, which has %d values of %d bytes", m.Name, m.MaxEntries, m.ValueSize)
	}
}

func (c *checker) lines() {
	at := uint32(0)
	for _, l := range c.Lines {
		c.require(l.Offset >= at && uint64(l.Offset) <= uint64(len(c.Code)), "line entry at %#x is out of order", l.Offset)
		c.require(l.Prog >= -1 && int(l.Prog) < len(c.Entries), "line entry at %#x names program %d of %d", l.Offset, l.Prog, len(c.Entries))
		at = l.Offset
	}
	for i := range c.Entries {
		for _, l := range c.Entries[i].Lines {
			c.require(l.Line >= 0 && l.Line <= math.MaxInt32 && l.Col >= 0 && l.Col <= math.MaxInt32, "source line %d:%d of %s", l.Line, l.Col, c.Entries[i].Name)
		}
	}
}

func (c *checker) data(i int) {
	d := &c.Data[i]
	size := uint64(len(d.Bytes))
	if d.Align > maxAlign {
		c.unsupported("section %s is aligned to %d bytes, an object allows %d", d.Name, d.Align, maxAlign)
	}
	c.require(d.Align&(d.Align-1) == 0, "section %s is aligned to %d", d.Name, d.Align)
	for _, v := range d.Symbols {
		c.require(uint64(v.Offset)+uint64(v.Size) <= size, "variable %s is not within section %s", v.Name, d.Name)
	}
	for _, r := range d.Relocs {
		c.require(uint64(r.Offset)+8 <= size, "address at %#x is not within section %s", r.Offset, d.Name)
		c.require(r.Index >= 0 && r.Index < len(c.Data), "address at %#x of section %s is of section %d of %d", r.Offset, d.Name, r.Index, len(c.Data))
	}
}
