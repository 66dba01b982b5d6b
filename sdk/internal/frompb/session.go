package frompb

import (
	"github.com/bpfc/bpfc/core/codegen"
	"github.com/bpfc/bpfc/core/ir"
	"github.com/bpfc/bpfc/sdk/internal/pb"
)

// Spec converts what of a session's environment came over the wire.
func Spec(o *pb.OpenRequest) (codegen.Spec, error) {
	set, err := Set(o.GetSet())
	return codegen.Spec{CPUs: int(o.GetCpus()), Set: set, Env: o.GetEnv()}, err
}

// Inputs converts a list of inputs.
func Inputs(in []*pb.Input) []codegen.Input {
	return list(nil, in, func(_ *reader, i *pb.Input) codegen.Input {
		return codegen.Input{Mem: present(i.GetMem(), i.GetNone()), Ctx: i.GetCtx()}
	})
}

// present restores the difference between no bytes and none at all.
func present(b []byte, none bool) []byte {
	if none {
		return nil
	}
	if b == nil {
		return []byte{}
	}
	return b
}

// Results converts a list of results.
func Results(in []*pb.Result) ([]codegen.Result, error) {
	var r reader
	out := list(&r, in, result)
	return out, r.err
}

func result(r *reader, x *pb.Result) codegen.Result {
	return codegen.Result{
		Ret:     x.GetRet(),
		Fault:   fault(r, x.GetFault()),
		Mem:     present(x.GetMem(), x.GetNoMem()),
		Ctx:     x.GetCtx(),
		Trace:   list(r, x.GetTrace(), traceStep),
		Records: list(r, x.GetRecords(), record),
	}
}

// Records converts a list of records.
func Records(in []*pb.Record) []codegen.Record { return list(nil, in, record) }

func record(_ *reader, x *pb.Record) codegen.Record {
	return codegen.Record{Helper: x.GetHelper(), Map: x.GetMap(), Key: x.GetKey(), Data: x.GetData(), Args: x.GetArgs(), CPU: int(x.GetCpu())}
}

// Fault converts a fault; nil stays nil.
func Fault(f *pb.Fault) (*codegen.Fault, error) {
	var r reader
	out := fault(&r, f)
	return out, r.err
}

func fault(r *reader, f *pb.Fault) *codegen.Fault {
	if f == nil {
		return nil
	}
	out := &codegen.Fault{
		Rule:    narrow[ir.Rule](r, f.GetRule(), "rule"),
		Program: f.GetProgram(),
		Insn:    int(f.GetInsn()),
		Address: f.GetAddress(),
		Size:    int(f.GetSize()),
		Write:   f.GetWrite(),
	}
	if f.GetSource() != nil {
		l := line(r, f.GetSource())
		out.Source = &l
	}
	return out
}

// Trace converts the steps of a trace.
func Trace(in []*pb.TraceStep) ([]codegen.TraceStep, error) {
	var r reader
	out := list(&r, in, traceStep)
	return out, r.err
}

func traceStep(r *reader, s *pb.TraceStep) codegen.TraceStep {
	out := codegen.TraceStep{Slot: int(s.GetSlot()), Func: s.GetFunc()}
	if len(s.GetRegs()) != len(out.Regs) {
		r.fail("a trace step has %d registers, not %d", len(s.GetRegs()), len(out.Regs))
	}
	copy(out.Regs[:], s.GetRegs())
	return out
}

// MapOps converts a list of operations.
func MapOps(in []*pb.MapOp) ([]codegen.MapOp, error) {
	var r reader
	out := list(&r, in, mapOp)
	return out, r.err
}

func mapOp(r *reader, o *pb.MapOp) codegen.MapOp {
	return codegen.MapOp{
		Kind:  narrow[codegen.MapOpKind](r, o.GetKind(), "operation"),
		Prog:  codegen.ProgID(o.GetProg()),
		Map:   o.GetMap(),
		Key:   o.GetKey(),
		Value: o.GetValue(),
		Flags: o.GetFlags(),
	}
}

// MapResults converts a list of answers.
func MapResults(in []*pb.MapResult) ([]codegen.MapResult, error) {
	var r reader
	out := list(&r, in, mapResult)
	return out, r.err
}

func mapResult(r *reader, x *pb.MapResult) codegen.MapResult {
	return codegen.MapResult{Err: x.GetErr(), Entries: list(r, x.GetEntries(), mapEntry)}
}

func mapEntry(r *reader, e *pb.MapEntry) codegen.MapEntry {
	return codegen.MapEntry{Map: mapSpec(r, e.GetMap()), Key: e.GetKey(), Value: e.GetValue()}
}
