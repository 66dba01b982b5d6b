package sdk

import (
	"github.com/bpfc/bpfc/core"
	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/codegen"
	"github.com/bpfc/bpfc/core/cover"
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
	// Coverage counts how often source lines ran, and writes a Go coverprofile. It is safe for concurrent use.
	Coverage = cover.Profile
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
	// VerifyStep is a link of the chain of causes of a VerifyError, VerifyFix a change with which the program is accepted.
	VerifyStep = verifier.Step
	VerifyFix  = verifier.Fix
	// Unproved is an access that has a guard, and why.
	Unproved = verifier.Unproved
	// UnsupportedError says what this version, or a back end, does not do.
	UnsupportedError = codegen.UnsupportedError
	// Fault is the end of a run that broke a rule.
	Fault = codegen.Fault
)

// Sessions: homes of loaded programs.
type (
	Session  = codegen.Session
	Spec     = codegen.Spec
	GoHelper = codegen.GoHelper
	Call     = codegen.Call
	Record   = codegen.Record
	OpenSet  = codegen.Open
	Home     = codegen.Home
	// Implementation is how the helpers of a set run, in one session.
	Implementation = codegen.Implementation
	ProgID         = codegen.ProgID
	Batch          = codegen.Batch
	Input          = codegen.Input
	Result         = codegen.Result
	Results        = codegen.Results
	TraceStep      = codegen.TraceStep
	MapOp          = codegen.MapOp
	MapOpKind      = codegen.MapOpKind
	MapEntry       = codegen.MapEntry
	MapResult      = codegen.MapResult
)

// The operations on maps.
const (
	MapGet     = codegen.MapGet
	MapPut     = codegen.MapPut
	MapDelete  = codegen.MapDelete
	MapIterate = codegen.MapIterate
	MapList    = codegen.MapList
	MapTake    = codegen.MapTake
	MapPush    = codegen.MapPush
	MapPop     = codegen.MapPop
	MapConsume = codegen.MapConsume
)

// Helper sets: what varies, as data. Package core/abi says what each part means.
type (
	Set          = abi.Set
	ProgType     = abi.ProgType
	PacketAccess = abi.PacketAccess
	PacketArgs   = abi.PacketArgs
	Range        = abi.Range
	Context      = abi.Context
	ContextKind  = abi.ContextKind
	Field        = abi.Field
	FieldKind    = abi.FieldKind
	Access       = abi.Access
	Helper       = abi.Helper
	HelperFlags  = abi.Flags
	ArgKind      = abi.ArgKind
	RetKind      = abi.RetKind
	Callback     = abi.Callback
	CallbackArg  = abi.CallbackArg
	DynptrKind   = abi.DynptrKind
	Impl         = abi.Impl
	MapKind      = abi.MapKind
	MapValues    = abi.MapValues
	MapSpec      = abi.MapSpec
	Special      = abi.Special
	SpecialKind  = abi.SpecialKind
)

// MergeSets composes sets into one; what two of them declare is an error that names both.
func MergeSets(sets ...*Set) (*Set, error) { return abi.Merge(sets...) }

// CheckSet reports what is wrong with a set: the first part of it that says nothing a verifier can use.
func CheckSet(s *Set) error { return abi.Check(s) }

// The kinds of contexts and fields, and how they may be used.
const (
	CtxNone   = abi.CtxNone
	CtxMemory = abi.CtxMemory
	CtxStruct = abi.CtxStruct

	FieldScalar      = abi.FieldScalar
	FieldPacketStart = abi.FieldPacketStart
	FieldPacketEnd   = abi.FieldPacketEnd
	FieldPacketMeta  = abi.FieldPacketMeta
	FieldPointer     = abi.FieldPointer
	FieldFlowKeys    = abi.FieldFlowKeys

	ReadOnly  = abi.ReadOnly
	ReadWrite = abi.ReadWrite
	WriteOnly = abi.WriteOnly

	PacketNone      = abi.PacketNone
	PacketRead      = abi.PacketRead
	PacketReadWrite = abi.PacketReadWrite

	PacketArgsFlagged = abi.PacketArgsFlagged
	PacketArgsNone    = abi.PacketArgsNone
	PacketArgsAll     = abi.PacketArgsAll
)

// The kinds of arguments.
const (
	ArgNone           = abi.ArgNone
	ArgAny            = abi.ArgAny
	ArgCtx            = abi.ArgCtx
	ArgConstMap       = abi.ArgConstMap
	ArgMapKey         = abi.ArgMapKey
	ArgMapValue       = abi.ArgMapValue
	ArgMem            = abi.ArgMem
	ArgMemWrite       = abi.ArgMemWrite
	ArgSize           = abi.ArgSize
	ArgSizeOrZero     = abi.ArgSizeOrZero
	ArgFunc           = abi.ArgFunc
	ArgMemOrNull      = abi.ArgMemOrNull
	ArgMapValueOut    = abi.ArgMapValueOut
	ArgMapKeyOrNull   = abi.ArgMapKeyOrNull
	ArgFixedMem       = abi.ArgFixedMem
	ArgFixedMemWrite  = abi.ArgFixedMemWrite
	ArgAllocSize      = abi.ArgAllocSize
	ArgCtxOrNull      = abi.ArgCtxOrNull
	ArgStackOrNull    = abi.ArgStackOrNull
	ArgStruct         = abi.ArgStruct
	ArgStructOrNull   = abi.ArgStructOrNull
	ArgSpinLock       = abi.ArgSpinLock
	ArgTimer          = abi.ArgTimer
	ArgRecord         = abi.ArgRecord
	ArgConstString    = abi.ArgConstString
	ArgDynptr         = abi.ArgDynptr
	ArgDynptrInit     = abi.ArgDynptrInit
	ArgDynptrRecord   = abi.ArgDynptrRecord
	ArgIter           = abi.ArgIter
	ArgKptr           = abi.ArgKptr
	ArgConst          = abi.ArgConst
	ArgFlagZero       = abi.ArgFlagZero
	ArgMapIndex       = abi.ArgMapIndex
	ArgMemWriteOrNull = abi.ArgMemWriteOrNull
	ArgMapValueOrNull = abi.ArgMapValueOrNull
)

// The kinds of results, the flags of helpers, and what callbacks get.
const (
	RetInteger         = abi.RetInteger
	RetVoid            = abi.RetVoid
	RetMapValueOrNull  = abi.RetMapValueOrNull
	RetMapValue        = abi.RetMapValue
	RetMemOrNull       = abi.RetMemOrNull
	RetMem             = abi.RetMem
	RetStructOrNull    = abi.RetStructOrNull
	RetStruct          = abi.RetStruct
	RetDynptrMemOrNull = abi.RetDynptrMemOrNull

	FlagFastcall           = abi.FlagFastcall
	FlagPure               = abi.FlagPure
	FlagInvalidatesPackets = abi.FlagInvalidatesPackets
	FlagAcquires           = abi.FlagAcquires
	FlagReleases           = abi.FlagReleases
	FlagGPL                = abi.FlagGPL
	FlagPacket             = abi.FlagPacket
	FlagReturnsLength      = abi.FlagReturnsLength
	FlagTailCall           = abi.FlagTailCall
	FlagLock               = abi.FlagLock
	FlagUnlock             = abi.FlagUnlock
	FlagSleeps             = abi.FlagSleeps
	FlagReadOnly           = abi.FlagReadOnly
	FlagIterNew            = abi.FlagIterNew
	FlagIterNext           = abi.FlagIterNext
	FlagIterDestroy        = abi.FlagIterDestroy
	FlagCasts              = abi.FlagCasts
	FlagAnyType            = abi.FlagAnyType
	FlagInternal           = abi.FlagInternal

	CbNone     = abi.CbNone
	CbScalar   = abi.CbScalar
	CbMap      = abi.CbMap
	CbMapKey   = abi.CbMapKey
	CbMapValue = abi.CbMapValue
	CbCtx      = abi.CbCtx
	CbDynptr   = abi.CbDynptr
	CbUnknown  = abi.CbUnknown

	DynptrNone   = abi.DynptrNone
	DynptrLocal  = abi.DynptrLocal
	DynptrRecord = abi.DynptrRecord
	DynptrPacket = abi.DynptrPacket
)

// The ways to run a helper, what lookups in maps give, and the special fields of map values.
const (
	ImplNone      = abi.ImplNone
	ImplIntrinsic = abi.ImplIntrinsic
	ImplBody      = abi.ImplBody
	ImplNative    = abi.ImplNative
	ImplGo        = abi.ImplGo
	ImplRemote    = abi.ImplRemote

	ValuesNone     = abi.ValuesNone
	ValuesMemory   = abi.ValuesMemory
	ValuesMap      = abi.ValuesMap
	ValuesStruct   = abi.ValuesStruct
	ValuesBorrowed = abi.ValuesBorrowed

	SpecialLock  = abi.SpecialLock
	SpecialTimer = abi.SpecialTimer
	SpecialOther = abi.SpecialOther
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
