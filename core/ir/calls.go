package ir

// CallArgs says which of R1 to R5 the calls of a program read: of a helper those of its prototype, of a function those
// that it reads. It looks at each function once.
type CallArgs struct {
	p     *Program
	args  []RegSet
	known []bool
}

// NewCallArgs looks at p, whose functions must not change while it is in use.
func NewCallArgs(p *Program) *CallArgs {
	return &CallArgs{p, make([]RegSet, len(p.Funcs)), make([]bool, len(p.Funcs))}
}

// Of is what the call reads; it is the function that Liveness asks for. The call graph has no cycle.
func (c *CallArgs) Of(in *Insn) RegSet {
	switch in.Op {
	case OpCall:
		return c.OfFunc(in.Ref.Index)
	case OpCallHelper:
		return Arguments(c.p.Helpers[in.Ref.Index].NumArgs())
	case OpTailCall:
		return Arguments(3)
	case OpTailSlot:
		return Arguments(1)
	}
	return ArgRegs | Bit(in.A)
}

// OfFunc is what function i reads.
func (c *CallArgs) OfFunc(i int32) RegSet {
	if !c.known[i] {
		c.known[i] = true
		post, _ := Postorder(c.p.Funcs[i])
		c.args[i] = Liveness(c.p.Funcs[i], post, c.Of)[0] & ArgRegs
	}
	return c.args[i]
}
