package verifier

import (
	"slices"

	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/ir"
)

// How Linux 6.18 counts the stack (check_max_stack_depth, kernel/bpf/verifier.c, with its JIT).
const (
	frameUnit    = 16  // frames are rounded up to multiples of it
	leastPrivate = 64  // a smaller frame gets no memory of its own
	tailRoom     = 256 // a tail call leaves less than this much in use
)

// privateTypes are the program types whose frames may have memory of their own, beside the stack: kprobe,
// tracepoint, perf_event and raw_tracepoint (bpf_enable_priv_stack, kernel/bpf/verifier.c, Linux 6.18).
var privateTypes = []uint32{2, 5, 7, 17}

// backCall is a call of function to by a helper that function from has called.
type backCall struct {
	from, to int32
	pos      ir.Pos
}

// frames is how the stack is shared by the functions that may be active at a time.
type frames struct {
	*analysis
	calls [][]call // with those of callbacks that run during a call
	order []int32  // callers before callees
	async []int32  // callbacks that run on their own
	own   []int32  // bytes of the stack by function
	need  []int32  // the same with the functions that it calls
	above []int32  // bytes that the callers of a function use at most
	tails []bool   // by function: it, or one that it calls, makes a tail call
}

// stackLimit refuses programs whose frames need more than ir.MaxStack bytes along
// some chain of calls. A function that may use more than is counted gets all
// that the deepest chain through it leaves: a program that keeps to the limit uses no more. Above a tail call nothing is
// added: what is in use there stays in use.
func (a *analysis) stackLimit() *Error {
	n := len(a.facts)
	s := &frames{analysis: a, own: make([]int32, n), need: make([]int32, n), above: make([]int32, n), tails: make([]bool, n)}
	if err := s.chains(); err != nil {
		return err
	}
	s.share()
	for _, f := range slices.Backward(s.order) {
		if err := s.below(f); err != nil {
			return err
		}
	}
	for _, f := range s.order {
		if err := s.over(f); err != nil {
			return err
		}
	}
	return nil
}

// chains adds to the calls those of callbacks.
func (s *frames) chains() (err *Error) {
	for _, r := range s.roots {
		if r.callback != nil {
			s.async = append(s.async, r.fn)
		}
	}
	s.calls = slices.Clone(s.analysis.calls)
	for _, b := range s.backCalls {
		s.calls[b.from] = append(slices.Clone(s.calls[b.from]), call{b.to, b.pos})
	}
	s.order, err = s.ordered(s.calls)
	return err
}

// share decides which frames are on the stack, and how large they are there.
func (s *frames) share() {
	private := slices.Contains(privateTypes, s.typ.Kernel) && !slices.ContainsFunc(s.order, s.tailCalls)
	apart := make([]bool, len(s.own)) // active beside the program
	for _, f := range s.async {
		apart[f] = true
	}
	for _, f := range s.order {
		for _, c := range s.calls[f] {
			apart[c.callee] = apart[c.callee] || apart[f]
		}
		frame := (s.unspilled(f) + frameUnit - 1) &^ (frameUnit - 1)
		if !private || apart[f] || frame < leastPrivate {
			s.own[f] = frame
		}
	}
}

// tailCalls reports whether function f itself makes a tail call.
func (s *frames) tailCalls(f int32) bool {
	return slices.ContainsFunc(s.program.Funcs[f].Blocks, func(b *ir.Block) bool {
		return slices.ContainsFunc(b.Insns, func(in ir.Insn) bool {
			return in.Op == ir.OpCallHelper && s.program.Helpers[in.Ref.Index].Flags&abi.FlagTailCall != 0
		})
	})
}

// below adds up what f and the functions that it calls need.
func (s *frames) below(f int32) *Error {
	s.tails[f] = s.tailCalls(f)
	for _, c := range s.calls[f] {
		s.need[f] = max(s.need[f], s.need[c.callee])
		s.tails[f] = s.tails[f] || s.tails[c.callee]
	}
	s.need[f] += s.own[f]
	if fn := s.program.Funcs[f]; max(s.need[f], s.facts[f].Frame) > ir.MaxStack {
		return s.fail(CodeStackLimit, fn, fn.Pos, "function %s and the functions it calls need %d bytes of stack; at most %d are allowed", fn.Name, s.need[f], ir.MaxStack)
	}
	return nil
}

// over adds up what the callers of f use.
func (s *frames) over(f int32) *Error {
	above := s.above[f]
	if fn := s.program.Funcs[f]; f > 0 && above >= tailRoom && s.tailCalls(f) {
		return s.fail(CodeStackLimit, fn, fn.Pos, "function %s makes a tail call, but its callers use %d bytes of stack; less than %d are allowed, as they stay in use", fn.Name, above, tailRoom)
	}
	for _, c := range s.calls[f] {
		s.above[c.callee] = max(s.above[c.callee], above+s.own[f])
	}
	if facts := &s.facts[f]; facts.below && !s.tails[f] {
		facts.Frame = max(facts.Frame, ir.MaxStack-above-(s.need[f]-s.own[f]))
	}
	return nil
}
