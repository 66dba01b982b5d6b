package soundness

import (
	"fmt"

	"github.com/bpfc/bpfc/core/ir"
	"github.com/bpfc/bpfc/core/verifier"
)

// What the verifier says of instructions and functions is checked where a run passes. The states that it keeps for
// these tests are compared in full, so that they do not show a way that ended too early: facts do.

// claims is the facts about a program, and how far a run is from its last poll.
type claims struct {
	v      *verifier.Verified
	loops  bool // the program has callbacks, of which Turn says nothing
	turned uint32
}

func newClaims(p *ir.Program, v *verifier.Verified) claims {
	c := claims{v: v}
	for i := range p.Helpers {
		c.loops = c.loops || p.Helpers[i].Callback != nil
	}
	return c
}

// reached checks what is said of the instruction that the run comes to.
func (m *machine) reached(f *frame, in *ir.Insn) error {
	c := &m.claims
	if c.v == nil {
		return nil
	}
	facts := c.v.Func(f.fn)
	fact := &facts.Insns[int(facts.Start[f.block.ID])+f.index]
	if fact.Dead {
		return fmt.Errorf("the verifier says that no path leads here")
	}
	if !fact.Proved && in.Op.Info().Effects&ir.UseMem != 0 {
		return fmt.Errorf("the access is not proved under strict")
	}
	if b := c.v.Bound(); b > 0 {
		if uint64(m.steps) > b {
			return fmt.Errorf("the run is longer than %d instructions", b)
		}
		return nil
	}
	if f.index == 0 && c.v.Polled(f.fn, int(f.block.ID)) {
		c.turned = 0
	}
	if c.turned++; c.turned > c.v.Turn() && !c.loops {
		return fmt.Errorf("%d instructions since the last poll, at most %d are said to be", c.turned, c.v.Turn())
	}
	return nil
}

// goes checks that a branch may go to a block.
func (m *machine) goes(f *frame, in *ir.Insn, then bool) error {
	if m.claims.v == nil {
		return nil
	}
	facts := m.claims.v.Func(f.fn)
	fact := &facts.Insns[int(facts.Start[f.block.ID])+f.index]
	side := uint8(2)
	if then {
		side = 1
	}
	if fact.Sides&side == 0 && in.Then != in.Else {
		return fmt.Errorf("the branch goes a way that is said to be impossible (sides %d)", fact.Sides)
	}
	return nil
}

// frameOf is what is said of the stack of function fn.
func (m *machine) frameOf(fn int, r *region) {
	if m.claims.v == nil {
		return
	}
	facts := m.claims.v.Func(fn)
	r.unused = ir.MaxStack - int(facts.Frame)
	if !facts.ZeroFrame {
		r.written = make([]bool, ir.MaxStack)
	}
}

// touched checks an access of a stack: it is in what the function is said to use, and no byte is
// read before it is written, unless that is said.
func (r *region) touched(off, size int, read, write bool) error {
	if off < r.unused {
		return fmt.Errorf("access at R10-%d, below the %d bytes that the function is said to use", ir.MaxStack-off, ir.MaxStack-r.unused)
	}
	if r.written == nil {
		return nil
	}
	for i := off; i < off+size; i++ {
		if read && !r.written[i] {
			return fmt.Errorf("byte R10-%d is read before it is written, which is said not to happen", ir.MaxStack-i)
		}
		r.written[i] = r.written[i] || write
	}
	return nil
}
