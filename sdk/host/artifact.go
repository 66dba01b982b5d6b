package host

import (
	"errors"
	"fmt"

	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/codegen"
	"github.com/bpfc/bpfc/core/ir"
	"github.com/bpfc/bpfc/core/obj"
)

// checkArtifact says what is wrong with an artifact that claims to be of u: its
// digest, its programs, or an index or offset out of the table or bytes it
// refers to. It does not look at the code.
func checkArtifact(a *codegen.Artifact, u *codegen.Unit, t codegen.Target) error {
	if err := a.CheckDigest(); err != nil {
		return errors.New("its content does not have its digest")
	}
	if a.Target != t.Name {
		return fmt.Errorf("it is for target %q, the plugin's is %q", a.Target, t.Name)
	}
	if len(a.Entries) != len(u.Entries) {
		return fmt.Errorf("it has %d entries for %d programs", len(a.Entries), len(u.Entries))
	}
	for i := range a.Entries {
		if a.Entries[i].Name != u.Entries[i].Name {
			return fmt.Errorf("entry %d is %q, the program is %q", i, a.Entries[i].Name, u.Entries[i].Name)
		}
	}
	c := artifactCheck{a: a, code: uint64(len(a.Code))}
	all(&c, "entry", a.Entries, (*artifactCheck).entry)
	all(&c, "symbol", a.Symbols, (*artifactCheck).symbol)
	all(&c, "relocation", a.Relocs, (*artifactCheck).reloc)
	all(&c, "exit", a.Exits, (*artifactCheck).exit)
	all(&c, "line", a.Lines, (*artifactCheck).line)
	all(&c, "map", a.Maps, (*artifactCheck).mapSpec)
	all(&c, "data section", a.Data, (*artifactCheck).data)
	return c.err
}

// artifactCheck keeps the first thing that is wrong.
type artifactCheck struct {
	a    *codegen.Artifact
	code uint64 // bytes
	at   string
	err  error
}

func all[T any](c *artifactCheck, what string, list []T, check func(*artifactCheck, *T)) {
	for i := range list {
		if c.err != nil {
			return
		}
		c.at = fmt.Sprintf("%s %d", what, i)
		check(c, &list[i])
	}
}

func (c *artifactCheck) want(ok bool, what string, v any) {
	if !ok && c.err == nil {
		c.err = fmt.Errorf("%s has %s %v, which is out of range", c.at, what, v)
	}
}

// inCode demands that size bytes at offset are in the code.
func (c *artifactCheck) inCode(what string, offset, size uint32) {
	c.want(uint64(offset)+uint64(size) <= c.code, what, offset)
}

func (c *artifactCheck) index(what string, i int64, n int) { c.want(0 <= i && i < int64(n), what, i) }

func (c *artifactCheck) prog(i int32) { c.index("program", int64(i), len(c.a.Entries)) }

func (c *artifactCheck) entry(e *codegen.Entry) {
	c.inCode("offset", e.Offset, 0)
	c.inCode("C offset", e.COffset, 0)
	c.inCode("checked C offset", e.CChecked, 0)
	c.want(e.Context <= abi.CtxStruct, "context", e.Context)
	c.want(e.StackSize <= c.a.StackSize, "stack size", e.StackSize)
}

func (c *artifactCheck) symbol(s *codegen.Symbol) {
	c.inCode("extent", s.Offset, s.Size)
	if s.Prog != -1 {
		c.prog(s.Prog)
	}
	for _, step := range s.CFA {
		c.inCode("frame offset", step.Offset, 0)
	}
}

// tables returns how many things a relocation of a kind can refer to, -1 if it has no index.
func (c *artifactCheck) tables(k codegen.RelocKind) (n int, known bool) {
	switch k {
	case codegen.RelocData:
		return len(c.a.Data), true
	case codegen.RelocMapValue, codegen.RelocMap, codegen.RelocTable:
		return len(c.a.Maps), true
	case codegen.RelocHelper:
		return len(c.a.Helpers), true
	case codegen.RelocRodata, codegen.RelocFaultHook:
		return -1, true
	}
	return 0, false
}

func (c *artifactCheck) reloc(r *codegen.Reloc) {
	c.inCode("offset", r.Offset, 4)
	n, known := c.tables(r.Kind)
	c.want(known, "kind", r.Kind)
	if n >= 0 {
		c.index("index", int64(r.Index), n)
	}
}

func (c *artifactCheck) exit(x *codegen.Exit) {
	c.inCode("offset", x.Offset, 0)
	c.want(x.Code <= codegen.ExitAbort, "code", x.Code)
	c.want(x.Rule <= ir.RuleAlign, "rule", uint8(x.Rule))
	c.prog(x.Prog)
	if x.Code == codegen.ExitHelper {
		c.index("helper", int64(x.Helper), len(c.a.Helpers))
	}
}

func (c *artifactCheck) line(l *codegen.LineEntry) {
	c.inCode("offset", l.Offset, 0)
	c.prog(l.Prog)
}

func (c *artifactCheck) mapSpec(m *abi.MapSpec) {
	c.want(uint64(m.Inner) <= uint64(len(c.a.Maps)), "inner map", m.Inner)
}

func (c *artifactCheck) data(d *obj.Data) {
	for _, r := range d.Relocs {
		c.want(uint64(r.Offset)+8 <= uint64(len(d.Bytes)), "relocated address at", r.Offset)
		c.index("relocation to section", int64(r.Index), len(c.a.Data))
	}
	for _, s := range d.Symbols {
		c.want(uint64(s.Offset)+uint64(s.Size) <= uint64(len(d.Bytes)), "variable at", s.Offset)
	}
}
