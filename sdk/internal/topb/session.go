package topb

import (
	"maps"
	"slices"

	"github.com/bpfc/bpfc/core/codegen"
	"github.com/bpfc/bpfc/sdk/internal/pb"
)

// Spec converts what of a session's environment can leave the process: of the
// Go helpers the names, for those of the set that are remote.
func Spec(s codegen.Spec) *pb.OpenRequest {
	return &pb.OpenRequest{Cpus: int64(s.CPUs), Set: Set(s.Set), Env: s.Env, Remote: slices.Sorted(maps.Keys(s.Helpers))}
}

// Input converts one input.
func Input(in *codegen.Input) *pb.Input {
	return &pb.Input{Mem: in.Mem, None: in.Mem == nil, Ctx: in.Ctx}
}

// Inputs converts a list of inputs.
func Inputs(in []codegen.Input) []*pb.Input { return list(in, Input) }

// Result converts one result without its trace.
func Result(r *codegen.Result) *pb.Result {
	return &pb.Result{Ret: r.Ret, Fault: Fault(r.Fault), Mem: r.Mem, NoMem: r.Mem == nil, Ctx: r.Ctx, Records: list(r.Records, Record)}
}

// Record converts a record.
func Record(r *codegen.Record) *pb.Record {
	return &pb.Record{Helper: r.Helper, Map: r.Map, Key: r.Key, Data: r.Data, Args: r.Args, Cpu: int64(r.CPU)}
}

// Fault converts a fault; nil stays nil.
func Fault(f *codegen.Fault) *pb.Fault {
	if f == nil {
		return nil
	}
	out := &pb.Fault{
		Rule:    uint32(f.Rule),
		Program: f.Program,
		Insn:    int64(f.Insn),
		Address: f.Address,
		Size:    int64(f.Size),
		Write:   f.Write,
	}
	if f.Source != nil {
		out.Source = line(f.Source)
	}
	return out
}

// Trace converts the steps of a trace.
func Trace(steps []codegen.TraceStep) []*pb.TraceStep {
	return list(steps, func(s *codegen.TraceStep) *pb.TraceStep {
		return &pb.TraceStep{Slot: int64(s.Slot), Func: s.Func, Regs: s.Regs[:]}
	})
}

// MapOps converts a list of operations.
func MapOps(ops []codegen.MapOp) []*pb.MapOp {
	return list(ops, func(o *codegen.MapOp) *pb.MapOp {
		return &pb.MapOp{Kind: uint32(o.Kind), Prog: uint32(o.Prog), Map: o.Map, Key: o.Key, Value: o.Value, Flags: o.Flags}
	})
}

// MapResults converts a list of answers.
func MapResults(rs []codegen.MapResult) []*pb.MapResult {
	return list(rs, func(r *codegen.MapResult) *pb.MapResult {
		return &pb.MapResult{Err: r.Err, Entries: list(r.Entries, mapEntry)}
	})
}

func mapEntry(e *codegen.MapEntry) *pb.MapEntry {
	return &pb.MapEntry{Map: mapSpec(&e.Map), Key: e.Key, Value: e.Value}
}
