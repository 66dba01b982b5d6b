package sdk

import (
	"github.com/bpfc/bpfc/core"
	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/codegen"
	"github.com/bpfc/bpfc/core/ir"
	"github.com/bpfc/bpfc/core/isa"
	"github.com/bpfc/bpfc/core/obj"
	"github.com/bpfc/bpfc/core/verifier"
	"github.com/bpfc/bpfc/runtime"
)

// What goes in and what comes out.
type (
	// Object is what a front end has read: programs, maps, data, source lines.
	Object = obj.Object
	// ObjectProgram is one program of an Object.
	ObjectProgram = obj.Program
	// Artifact is compiled code as position-independent data.
	Artifact = codegen.Artifact
	// ProgramReport is the outcome of verifying one program.
	ProgramReport = core.ProgramReport
	// Worker is a virtual CPU, leased for a loop of runs.
	Worker = runtime.Worker
)

// Policy says what happens to what is not proved.
type Policy = verifier.Policy

// The policies.
const (
	Strict = verifier.Strict
	Guard  = verifier.Guard
)

// Errors, to be found with errors.As.
type (
	// VerifyError is why a program was not accepted.
	VerifyError = verifier.Error
	// UnsupportedError says what this version, or a back end, does not do.
	UnsupportedError = codegen.UnsupportedError
	// Fault is the end of a run that broke a rule.
	Fault = codegen.Fault
)

// Sessions: homes of loaded programs.
type (
	Session   = codegen.Session
	Spec      = codegen.Spec
	GoHelper  = codegen.GoHelper
	ProgID    = codegen.ProgID
	Batch     = codegen.Batch
	Input     = codegen.Input
	Result    = codegen.Result
	Results   = codegen.Results
	TraceStep = codegen.TraceStep
	MapOp     = codegen.MapOp
	MapOpKind = codegen.MapOpKind
	MapEntry  = codegen.MapEntry
	MapResult = codegen.MapResult
)

// The operations on maps.
const (
	MapGet     = codegen.MapGet
	MapPut     = codegen.MapPut
	MapDelete  = codegen.MapDelete
	MapIterate = codegen.MapIterate
	MapList    = codegen.MapList
)

// Helper sets: what varies, as data.
type (
	Set         = abi.Set
	ProgType    = abi.ProgType
	Range       = abi.Range
	Context     = abi.Context
	ContextKind = abi.ContextKind
	Field       = abi.Field
	FieldKind   = abi.FieldKind
	Access      = abi.Access
	Helper      = abi.Helper
	HelperFlags = abi.Flags
	ArgKind     = abi.ArgKind
	RetKind     = abi.RetKind
	Impl        = abi.Impl
	MapKind     = abi.MapKind
	MapSpec     = abi.MapSpec
)

// MergeSets composes sets into one; what two of them declare is an error that names both.
func MergeSets(sets ...*Set) (*Set, error) { return abi.Merge(sets...) }

// The kinds of contexts, arguments and results, and the ways to run a helper.
const (
	CtxNone   = abi.CtxNone
	CtxMemory = abi.CtxMemory
	CtxStruct = abi.CtxStruct

	ArgNone       = abi.ArgNone
	ArgAny        = abi.ArgAny
	ArgCtx        = abi.ArgCtx
	ArgConstMap   = abi.ArgConstMap
	ArgMapKey     = abi.ArgMapKey
	ArgMapValue   = abi.ArgMapValue
	ArgMem        = abi.ArgMem
	ArgMemWrite   = abi.ArgMemWrite
	ArgSize       = abi.ArgSize
	ArgSizeOrZero = abi.ArgSizeOrZero
	ArgFunc       = abi.ArgFunc

	RetInteger        = abi.RetInteger
	RetVoid           = abi.RetVoid
	RetMapValueOrNull = abi.RetMapValueOrNull

	ImplNone      = abi.ImplNone
	ImplIntrinsic = abi.ImplIntrinsic
	ImplBody      = abi.ImplBody
	ImplNative    = abi.ImplNative
	ImplGo        = abi.ImplGo
	ImplRemote    = abi.ImplRemote
)

// Back ends: what turns units into artifacts, and what runs them.
type (
	Backend        = codegen.Backend
	Runner         = codegen.Runner
	Target         = codegen.Target
	Unit           = codegen.Unit
	EntryInfo      = codegen.EntryInfo
	Item           = codegen.Item
	BackendOptions = codegen.Options
	Entry          = codegen.Entry
	Symbol         = codegen.Symbol
	Reloc          = codegen.Reloc
	RelocKind      = codegen.RelocKind
	Exit           = codegen.Exit
	ExitCode       = codegen.ExitCode
	LineEntry      = codegen.LineEntry
	CFAStep        = codegen.CFAStep
	SavedReg       = codegen.SavedReg
)

// The IR that back ends compile; package core/ir says what each op means.
type (
	IRProgram = ir.Program
	IRFunc    = ir.Func
	IRBlock   = ir.Block
	IRInsn    = ir.Insn
	Op        = ir.Op
	OpInfo    = ir.OpInfo
	Reg       = ir.Reg
	Pos       = ir.Pos
	Ref       = ir.Ref
	RefKind   = ir.RefKind
	Rule      = ir.Rule
	BlockID   = ir.BlockID
	Cond      = isa.Cond
)
