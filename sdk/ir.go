package sdk

import (
	"github.com/bpfc/bpfc/core/codegen"
	"github.com/bpfc/bpfc/core/ir"
	"github.com/bpfc/bpfc/core/isa"
)

// The constants of the IR, for back ends of third parties. Package core/ir says
// what each means; InfoOf is the row of an op.

// The ops.
const (
	OpInvalid       = ir.OpInvalid
	OpMov           = ir.OpMov
	OpAddr          = ir.OpAddr
	OpAdd           = ir.OpAdd
	OpSub           = ir.OpSub
	OpMul           = ir.OpMul
	OpDiv           = ir.OpDiv
	OpSDiv          = ir.OpSDiv
	OpMod           = ir.OpMod
	OpSMod          = ir.OpSMod
	OpOr            = ir.OpOr
	OpAnd           = ir.OpAnd
	OpXor           = ir.OpXor
	OpLsh           = ir.OpLsh
	OpRsh           = ir.OpRsh
	OpArsh          = ir.OpArsh
	OpNeg           = ir.OpNeg
	OpSext          = ir.OpSext
	OpZext          = ir.OpZext
	OpBswap         = ir.OpBswap
	OpLoad          = ir.OpLoad
	OpStore         = ir.OpStore
	OpAtomicAdd     = ir.OpAtomicAdd
	OpAtomicOr      = ir.OpAtomicOr
	OpAtomicAnd     = ir.OpAtomicAnd
	OpAtomicXor     = ir.OpAtomicXor
	OpAtomicXchg    = ir.OpAtomicXchg
	OpAtomicCmpXchg = ir.OpAtomicCmpXchg
	OpLoadAbs       = ir.OpLoadAbs
	OpLoadInd       = ir.OpLoadInd
	OpCall          = ir.OpCall
	OpCallHelper    = ir.OpCallHelper
	OpCallReg       = ir.OpCallReg
	OpJmp           = ir.OpJmp
	OpBr            = ir.OpBr
	OpMayGoto       = ir.OpMayGoto
	OpExit          = ir.OpExit
	OpLea           = ir.OpLea
	OpGuardMem      = ir.OpGuardMem
	OpGuardAlign    = ir.OpGuardAlign
	OpPoll          = ir.OpPoll
	OpZero          = ir.OpZero
	OpFault         = ir.OpFault
)

// InfoOf returns the op's row: its name and effects.
func InfoOf(o Op) *OpInfo { return o.Info() }

// The effects of ops.
const (
	DefDst   = ir.DefDst
	OptDst   = ir.OptDst
	UseA     = ir.UseA
	OptA     = ir.OptA
	UseB     = ir.UseB
	OptB     = ir.OptB
	UseMem   = ir.UseMem
	UseRef   = ir.UseRef
	CallsOut = ir.CallsOut
	MayFault = ir.MayFault
	MayExit  = ir.MayExit
	Term     = ir.Term
	Writes   = ir.Writes
	Reads    = ir.Reads
	Lowered  = ir.Lowered
)

// The registers: BPF's own and the temporaries of lowerings.
const (
	NoReg = ir.None
	R0    = ir.R0
	R1    = ir.R1
	R2    = ir.R2
	R3    = ir.R3
	R4    = ir.R4
	R5    = ir.R5
	R6    = ir.R6
	R7    = ir.R7
	R8    = ir.R8
	R9    = ir.R9
	R10   = ir.R10
	T0    = ir.T0
	T1    = ir.T1
	T2    = ir.T2

	NoPos = ir.NoPos
)

// The conditions of branches.
const (
	CondEQ  = isa.EQ
	CondNE  = isa.NE
	CondGT  = isa.GT
	CondGE  = isa.GE
	CondLT  = isa.LT
	CondLE  = isa.LE
	CondSGT = isa.SGT
	CondSGE = isa.SGE
	CondSLT = isa.SLT
	CondSLE = isa.SLE
	CondSET = isa.SET
)

// The kinds of symbolic operands.
const (
	RefNone     = ir.RefNone
	RefMap      = ir.RefMap
	RefMapValue = ir.RefMapValue
	RefData     = ir.RefData
	RefFunc     = ir.RefFunc
	RefHelper   = ir.RefHelper
)

// The rules that faults report.
const (
	NoRule     = ir.NoRule
	RuleMemory = ir.RuleMemory
	RuleCall   = ir.RuleCall
	RuleFuel   = ir.RuleFuel
	RuleAlign  = ir.RuleAlign
)

// The exits and relocations of machine code.
const (
	ExitOK     = codegen.ExitOK
	ExitHelper = codegen.ExitHelper
	ExitPoll   = codegen.ExitPoll
	ExitFault  = codegen.ExitFault
	ExitAbort  = codegen.ExitAbort

	RelocNone     = codegen.RelocNone
	RelocData     = codegen.RelocData
	RelocRodata   = codegen.RelocRodata
	RelocMapValue = codegen.RelocMapValue
	RelocHelper   = codegen.RelocHelper
)
