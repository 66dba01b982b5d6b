package ir

import (
	"fmt"

	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/isa"
	"github.com/bpfc/bpfc/core/obj"
)

// String is the register's name in the text form: r0 to r10, t0 to t2, v32 and up.
func (r Reg) String() string {
	switch {
	case r >= R0 && r <= R10:
		return fmt.Sprintf("r%d", r-R0)
	case r >= T0 && r <= T2:
		return fmt.Sprintf("t%d", r-T0)
	case r >= FirstVirtual:
		return fmt.Sprintf("v%d", r)
	case r == None:
		return "none"
	}
	return fmt.Sprintf("reg(%d)", int32(r))
}

// refNames are the kinds of references in the text form, and in messages.
var refNames = [...]string{RefNone: "none", RefMap: "map", RefMapValue: "value", RefData: "data", RefFunc: "func", RefHelper: "helper"}

// String is the kind's name in the text form.
func (k RefKind) String() string { return nameOf(refNames[:], k) }

// String is the reference in the text form: "data@1".
func (r Ref) String() string { return fmt.Sprintf("%s@%d", r.Kind, r.Index) }

// orderNames are the memory orders in the text form.
var orderNames = [...]string{Plain: "plain", Relaxed: "relaxed", Acquire: "acquire", Release: "release", SeqCst: "seqcst"}

// String is the order's name in the text form.
func (o Order) String() string { return nameOf(orderNames[:], o) }

// nameOf is names[v], or the number if v has no name.
func nameOf[T ~uint8 | ~uint16](names []string, v T) string {
	if int(v) < len(names) {
		return names[v]
	}
	return fmt.Sprintf("#%d", v)
}

// condNames are the conditions in the text form.
var condNames = [...]string{isa.NoCond: "none", isa.EQ: "eq", isa.NE: "ne", isa.GT: "ugt", isa.GE: "uge", isa.LT: "ult", isa.LE: "ule",
	isa.SGT: "sgt", isa.SGE: "sge", isa.SLT: "slt", isa.SLE: "sle", isa.SET: "set"}

// ruleNames are the rules in the text form.
var ruleNames = [...]string{NoRule: NoRule.String(), RuleMemory: RuleMemory.String(), RuleCall: RuleCall.String(), RuleFuel: RuleFuel.String(), RuleAlign: RuleAlign.String()}

// The vocabulary of prototypes in the text form.
var (
	argNames = [...]string{abi.ArgNone: "none", abi.ArgAny: "any", abi.ArgCtx: "ctx", abi.ArgConstMap: "map", abi.ArgMapKey: "mapkey",
		abi.ArgMapValue: "mapvalue", abi.ArgMem: "mem", abi.ArgMemWrite: "memwrite", abi.ArgSize: "size", abi.ArgSizeOrZero: "sizeorzero", abi.ArgFunc: "func",
		abi.ArgMemOrNull: "memornull", abi.ArgMapValueOut: "mapvalueout", abi.ArgMapKeyOrNull: "mapkeyornull", abi.ArgFixedMem: "fixedmem",
		abi.ArgFixedMemWrite: "fixedmemwrite", abi.ArgAllocSize: "allocsize", abi.ArgCtxOrNull: "ctxornull", abi.ArgStackOrNull: "stackornull",
		abi.ArgStruct: "struct", abi.ArgStructOrNull: "structornull", abi.ArgSpinLock: "spinlock", abi.ArgTimer: "timer", abi.ArgRecord: "record",
		abi.ArgConstString: "conststring", abi.ArgDynptr: "dynptr", abi.ArgDynptrInit: "dynptrinit", abi.ArgDynptrRecord: "dynptrrecord",
		abi.ArgIter: "iter", abi.ArgKptr: "kptr", abi.ArgConst: "const", abi.ArgFlagZero: "flagzero", abi.ArgMapIndex: "mapindex",
		abi.ArgMemWriteOrNull: "memwriteornull", abi.ArgMapValueOrNull: "mapvalueornull"}
	retNames = [...]string{abi.RetInteger: "integer", abi.RetVoid: "void", abi.RetMapValueOrNull: "mapvalueornull", abi.RetMapValue: "mapvalue",
		abi.RetMemOrNull: "memornull", abi.RetMem: "mem", abi.RetStructOrNull: "structornull", abi.RetStruct: "struct", abi.RetDynptrMemOrNull: "dynptrmemornull"}
	implNames = [...]string{abi.ImplNone: "none", abi.ImplIntrinsic: "intrinsic", abi.ImplBody: "body", abi.ImplNative: "native",
		abi.ImplGo: "go", abi.ImplRemote: "remote"}
	callbackNames = [...]string{abi.CbNone: "none", abi.CbScalar: "scalar", abi.CbMap: "map", abi.CbMapKey: "mapkey", abi.CbMapValue: "mapvalue",
		abi.CbCtx: "ctx", abi.CbDynptr: "dynptr", abi.CbUnknown: "unknown"}
	intrinsicNames = [...]string{abi.IntrinsicNone: "none", abi.IntrinsicMapLookup: "maplookup", abi.IntrinsicTailCall: "tailcall",
		abi.IntrinsicLoop: "loop", abi.IntrinsicForEach: "foreach", abi.IntrinsicCPU: "cpu", abi.IntrinsicRandom: "random",
		abi.IntrinsicMapUpdate: "mapupdate", abi.IntrinsicSumDiff: "sumdiff", abi.IntrinsicPacketLoad: "packetload", abi.IntrinsicPacketStore: "packetstore"}
	dynptrNames  = [...]string{abi.DynptrNone: "none", abi.DynptrLocal: "local", abi.DynptrRecord: "record", abi.DynptrPacket: "packet"}
	specialNames = [...]string{abi.SpecialLock: "lock", abi.SpecialTimer: "timer", abi.SpecialOther: "other"}
	paramNames   = [...]string{obj.ParamScalar: "scalar", obj.ParamCtx: "ctx", obj.ParamMem: "mem", obj.ParamDynptr: "dynptr", obj.ParamOther: "other"}
)

// attr is a named number of a map or a data section.
type attr struct {
	name  string
	value *uint32
}

// mapAttrs are the numbers of m in the order of the text form.
func mapAttrs(m *abi.MapSpec) [7]attr {
	return [...]attr{{"type", &m.Type}, {"key", &m.KeySize}, {"value", &m.ValueSize}, {"entries", &m.MaxEntries},
		{"flags", &m.Flags}, {"inner", &m.Inner}, {"pinning", &m.Pinning}}
}
