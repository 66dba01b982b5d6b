// Package interp is the back end that runs the IR itself: its meaning, and the
// referee of every other back end. It needs no executable memory and no
// particular architecture. It reaches memory through runtime.Mem alone, which checks every access: a program that
// lacks a guard faults where machine code would do harm.
//
// Its artifacts hold the binary IR; loading them decodes that into flat code
// (decode), which one loop runs (program.run).
package interp

import (
	"cmp"
	"context"
	"fmt"

	"github.com/bpfc/bpfc/core/codegen"
	"github.com/bpfc/bpfc/core/ir"
	"github.com/bpfc/bpfc/runtime"
)

// Version of the back end, part of every artifact.
const Version = "1"

const name = "interp"

// Backend is the interpreter. The zero value is ready for use, and is safe for
// concurrent use. It implements codegen.Backend and codegen.Runner.
type Backend struct{}

// New returns the interpreter.
func New() Backend { return Backend{} }

// Target names the back end; it makes code for any architecture.
func (Backend) Target() codegen.Target {
	return codegen.Target{Name: name, Version: Version, Opts: []int{0, 2}}
}

// Compile checks the unit and wraps its IR in an artifact. CPU levels mean
// nothing to it. An error is a *codegen.UnsupportedError, or an *ir.CheckError,
// which is a bug of who lowered the program.
func (Backend) Compile(ctx context.Context, u *codegen.Unit, o codegen.Options) (*codegen.Artifact, error) {
	if err := checkOptions(o); err != nil {
		return nil, err
	}
	if len(u.Programs) != len(u.Entries) {
		return nil, fmt.Errorf("%s: %d programs with %d entries", u.Name, len(u.Programs), len(u.Entries))
	}
	a := &codegen.Artifact{Target: name, Version: Version, Name: u.Name, Maps: u.Maps, Data: u.Data, Helpers: u.Helpers, Items: u.Items}
	list := make([]*ir.Program, len(u.Programs))
	for i, p := range u.Programs {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		list[i] = bare(p)
		full := attach(list[i], a)
		if err := refuse(full); err != nil {
			return nil, err
		}
		a.Entries = append(a.Entries, codegen.Entry{EntryInfo: u.Entries[i]})
		a.StackSize = max(a.StackSize, u.Entries[i].StackSize)
	}
	a.Code = ir.MarshalAll(list)
	a.Seal()
	return a, nil
}

// Open opens a session in this process.
func (Backend) Open(ctx context.Context, s codegen.Spec) (codegen.Session, error) {
	return runtime.OpenSession(ctx, s, Loader{})
}

var (
	_ codegen.Backend = Backend{}
	_ codegen.Runner  = Backend{}
	_ runtime.Tracer  = (*executable)(nil)
)

func checkOptions(o codegen.Options) error {
	switch {
	case o.Opt != 0 && o.Opt != 2:
		return &codegen.UnsupportedError{What: fmt.Sprintf("-O%d by the interpreter", o.Opt), Msg: "use -O 0 or 2"}
	case o.Object:
		return &codegen.UnsupportedError{What: "an object file by the interpreter", Msg: "it makes no machine code: use --backend amd64"}
	}
	return nil
}

// bare is p without what an artifact holds beside the code.
func bare(p *ir.Program) *ir.Program {
	return &ir.Program{Name: p.Name, Section: p.Section, Type: p.Type, Funcs: p.Funcs}
}

// attach is the bare program p with the tables of its artifact.
func attach(p *ir.Program, a *codegen.Artifact) *ir.Program {
	full := *p
	full.Maps, full.Data, full.Helpers = a.Maps, a.Data, a.Helpers
	return &full
}

// refuse checks what decode and run rely on, and refuses what the interpreter does not run.
func refuse(p *ir.Program) error {
	if err := ir.Check(p, ir.StageLowered); err != nil {
		return err
	}
	for _, f := range p.Funcs {
		for _, b := range f.Blocks {
			for i := range b.Insns {
				if err := refuseInsn(p, f, &b.Insns[i]); err != nil {
					return err
				}
			}
		}
	}
	return checkDepth(p)
}

// names are those of what ops come from.
var names = map[ir.Op]string{ir.OpMayGoto: "may_goto", ir.OpCallReg: "callx", ir.OpLoadAbs: "ld_abs", ir.OpLoadInd: "ld_ind"}

func refuseInsn(p *ir.Program, f *ir.Func, i *ir.Insn) error {
	if decoders[i.Op] != nil {
		return nil
	}
	what := cmp.Or(names[i.Op], i.Op.String())
	return &codegen.UnsupportedError{What: fmt.Sprintf("%s (program %s, function %s, insn %d)", what, p.Name, f.Name, i.Pos), Msg: "the interpreter runs lowered programs without it"}
}

// checkDepth refuses calls that may need more than ir.MaxActive frames, recursion among them.
func checkDepth(p *ir.Program) error {
	depth := make([]int, len(p.Funcs)) // frames below and with the function; 0: not known yet
	var visit func(f, above int) int
	visit = func(f, above int) int {
		if above+max(depth[f], 1) > ir.MaxActive {
			return ir.MaxActive + 1
		}
		if depth[f] > 0 {
			return depth[f]
		}
		n := 1
		for _, callee := range callees(p.Funcs[f]) {
			if n = max(n, 1+visit(callee, above+1)); n > ir.MaxActive {
				break
			}
		}
		depth[f] = n
		return n
	}
	for f := range p.Funcs {
		if visit(f, 0) > ir.MaxActive {
			return &codegen.UnsupportedError{What: fmt.Sprintf("program %s: function %s calls itself, or calls nested deeper than %d", p.Name, p.Funcs[f].Name, ir.MaxActive)}
		}
	}
	return nil
}

func callees(f *ir.Func) (list []int) {
	for _, b := range f.Blocks {
		for i := range b.Insns {
			if b.Insns[i].Op == ir.OpCall {
				list = append(list, int(b.Insns[i].Ref.Index))
			}
		}
	}
	return list
}
