package wire

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"google.golang.org/grpc"

	"github.com/bpfc/bpfc/core/codegen"
	"github.com/bpfc/bpfc/sdk/internal/frompb"
	"github.com/bpfc/bpfc/sdk/internal/pb"
	"github.com/bpfc/bpfc/sdk/internal/topb"
)

// backendServer serves one back end and the sessions opened on it.
type backendServer struct {
	pb.UnimplementedBackendServer
	backend codegen.Backend

	mu       sync.Mutex
	last     uint64
	sessions map[uint64]codegen.Session
	callers  map[uint64]*caller // of sessions with remote helpers
}

func (s *backendServer) Info(context.Context, *pb.InfoRequest) (*pb.InfoResponse, error) {
	_, runner := s.backend.(codegen.Runner)
	return &pb.InfoResponse{Target: topb.Target(s.backend.Target()), Runner: runner}, nil
}

func (s *backendServer) Compile(ctx context.Context, r *pb.CompileRequest) (*pb.CompileResponse, error) {
	u, err := frompb.Unit(r.GetUnit())
	if err != nil {
		return nil, toStatus(err)
	}
	a, err := s.backend.Compile(ctx, u, frompb.Options(r.GetOptions()))
	if err != nil {
		return nil, toStatus(err)
	}
	return &pb.CompileResponse{Artifact: topb.Artifact(a)}, nil
}

func (s *backendServer) Open(ctx context.Context, r *pb.OpenRequest) (*pb.OpenResponse, error) {
	runner, ok := s.backend.(codegen.Runner)
	if !ok {
		return nil, toStatus(&codegen.UnsupportedError{
			What: "running in the plugin's process", Msg: s.backend.Target().Name + " only compiles",
		})
	}
	spec, err := frompb.Spec(r)
	if err != nil {
		return nil, toStatus(err)
	}
	calls := newCaller()
	spec.Helpers = calls.helpers(spec.Set, r.GetRemote())
	session, err := runner.Open(ctx, spec)
	if err != nil {
		return nil, toStatus(err)
	}
	return &pb.OpenResponse{Session: s.add(session, calls)}, nil
}

func (s *backendServer) add(session codegen.Session, calls *caller) uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last++
	s.sessions[s.last], s.callers[s.last] = session, calls
	return s.last
}

var errNoSession = errors.New("the session is closed")

func (s *backendServer) session(id uint64) (codegen.Session, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if session, ok := s.sessions[id]; ok {
		return session, nil
	}
	return nil, toStatus(errNoSession)
}

func (s *backendServer) Load(ctx context.Context, r *pb.LoadRequest) (*pb.LoadResponse, error) {
	session, err := s.session(r.GetSession())
	if err != nil {
		return nil, err
	}
	a, err := frompb.Artifact(r.GetArtifact())
	if err != nil {
		return nil, toStatus(fmt.Errorf("artifact: %w", err))
	}
	ids, err := session.Load(ctx, a)
	if err != nil {
		return nil, toStatus(err)
	}
	out := &pb.LoadResponse{}
	for _, id := range ids {
		out.Programs = append(out.Programs, uint32(id))
	}
	return out, nil
}

func (s *backendServer) Unload(ctx context.Context, r *pb.UnloadRequest) (*pb.UnloadResponse, error) {
	session, err := s.session(r.GetSession())
	if err != nil {
		return nil, err
	}
	return &pb.UnloadResponse{}, toStatus(session.Unload(ctx, codegen.ProgID(r.GetProgram())))
}

func (s *backendServer) Maps(ctx context.Context, r *pb.MapsRequest) (*pb.MapsResponse, error) {
	session, err := s.session(r.GetSession())
	if err != nil {
		return nil, err
	}
	ops, err := frompb.MapOps(r.GetOps())
	if err != nil {
		return nil, toStatus(err)
	}
	results, err := session.Maps(ctx, ops)
	if err != nil {
		return nil, toStatus(err)
	}
	return &pb.MapsResponse{Results: topb.MapResults(results)}, nil
}

func (s *backendServer) Close(_ context.Context, r *pb.CloseRequest) (*pb.CloseResponse, error) {
	session, err := s.session(r.GetSession())
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	delete(s.sessions, r.GetSession())
	delete(s.callers, r.GetSession())
	s.mu.Unlock()
	return &pb.CloseResponse{}, toStatus(session.Close())
}

// Run runs one chunk of a batch.
func (s *backendServer) Run(r *pb.RunRequest, stream grpc.ServerStreamingServer[pb.RunResponse]) error {
	session, err := s.session(r.GetSession())
	if err != nil {
		return err
	}
	res, err := session.Run(stream.Context(), codegen.ProgID(r.GetProgram()), codegen.Batch{
		Inputs: frompb.Inputs(r.GetInputs()), Repeat: int(r.GetRepeat()), Fuel: r.GetFuel(), Trace: r.GetTrace(),
	})
	if sendErr := sendResults(stream, res); sendErr != nil {
		return sendErr
	}
	return toStatus(err)
}

// maxTrace is the number of steps in one message, of about 100 bytes each.
const maxTrace = 100_000

// sendResults sends a chunk: traces that are too long for one message follow their result.
func sendResults(stream grpc.ServerStreamingServer[pb.RunResponse], res codegen.Results) error {
	m := &pb.RunResponse{ElapsedNs: int64(res.Elapsed), Runs: int64(res.Runs), Lost: int64(res.Lost)}
	steps := 0
	for i := range res.Results {
		r := &res.Results[i]
		out := topb.Result(r)
		m.Results = append(m.Results, out)
		rest := r.Trace
		for steps+len(rest) > maxTrace {
			n := maxTrace - steps
			put(m, out, rest[:n])
			if err := stream.Send(m); err != nil {
				return err
			}
			m, out, rest, steps = &pb.RunResponse{}, nil, rest[n:], 0
		}
		put(m, out, rest)
		steps += len(rest)
	}
	return stream.Send(m)
}

// put adds steps to the result if it is in this message, else to the message.
func put(m *pb.RunResponse, r *pb.Result, steps []codegen.TraceStep) {
	if r != nil {
		r.Trace = topb.Trace(steps)
		return
	}
	m.Trace = topb.Trace(steps)
}

// helperServer serves one helper set and the sessions opened on it.
type helperServer struct {
	pb.UnimplementedHelperSetServer
	served *Helpers

	mu       sync.Mutex
	last     uint64
	sessions map[uint64]codegen.Implementation
}

func (s *helperServer) Describe(ctx context.Context, _ *pb.DescribeRequest) (*pb.DescribeResponse, error) {
	set, err := s.served.Describe(ctx)
	if err != nil {
		return nil, toStatus(err)
	}
	return &pb.DescribeResponse{Set: topb.Set(set)}, nil
}

func (s *helperServer) Open(_ context.Context, r *pb.OpenRequest) (*pb.OpenResponse, error) {
	spec, err := frompb.Spec(r)
	if err != nil {
		return nil, toStatus(err)
	}
	impl, err := implement(s.served.Implement, spec)
	if err != nil {
		return nil, toStatus(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last++
	s.sessions[s.last] = impl
	return &pb.OpenResponse{Session: s.last}, nil
}

func (s *helperServer) Call(_ context.Context, r *pb.HelperCall) (*pb.HelperReturn, error) {
	s.mu.Lock()
	impl, ok := s.sessions[r.GetSession()]
	s.mu.Unlock()
	if !ok {
		return nil, toStatus(errNoSession)
	}
	f := impl.Helpers[r.GetHelper()]
	if f == nil {
		return nil, toStatus(&codegen.UnsupportedError{What: "helper " + r.GetHelper(), Msg: "its plugin declares it and does not implement it"})
	}
	out, _ := serveCall(f, r)
	return out, nil
}

func (s *helperServer) Close(_ context.Context, r *pb.CloseRequest) (*pb.CloseResponse, error) {
	s.mu.Lock()
	impl, ok := s.sessions[r.GetSession()]
	delete(s.sessions, r.GetSession())
	s.mu.Unlock()
	if !ok {
		return nil, toStatus(errNoSession)
	}
	return &pb.CloseResponse{}, toStatus(closeImplementation(impl))
}
