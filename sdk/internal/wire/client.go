package wire

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/codegen"
	"github.com/bpfc/bpfc/sdk/internal/frompb"
	"github.com/bpfc/bpfc/sdk/internal/pb"
	"github.com/bpfc/bpfc/sdk/internal/topb"
)

// Client is the host's end of the protocol. Errors are those of the plugin's
// code, *PanicError, *GarbageError or *TransportError.
type Client struct {
	backend pb.BackendClient
	helpers pb.HelperSetClient
}

// Info asks a back end what it is and whether it runs its artifacts.
func (c *Client) Info(ctx context.Context) (codegen.Target, bool, error) {
	r, err := c.backend.Info(ctx, &pb.InfoRequest{})
	if err != nil {
		return codegen.Target{}, false, fromStatus(err)
	}
	return frompb.Target(r.GetTarget()), r.GetRunner(), nil
}

// Describe asks a helper set for its description.
func (c *Client) Describe(ctx context.Context) (*abi.Set, error) {
	r, err := c.helpers.Describe(ctx, &pb.DescribeRequest{})
	if err != nil {
		return nil, fromStatus(err)
	}
	set, err := frompb.Set(r.GetSet())
	if err != nil {
		return nil, garbage("a set: %w", err)
	}
	if set == nil {
		return nil, garbage("no set")
	}
	return set, nil
}

// Compile has one unit compiled. The artifact is as the plugin sent it.
func (c *Client) Compile(ctx context.Context, u *codegen.Unit, o codegen.Options) (*codegen.Artifact, error) {
	r, err := c.backend.Compile(ctx, &pb.CompileRequest{Unit: topb.Unit(u), Options: topb.Options(o)})
	if err != nil {
		return nil, fromStatus(err)
	}
	a, err := frompb.Artifact(r.GetArtifact())
	if err != nil {
		return nil, garbage("an artifact: %w", err)
	}
	return a, nil
}

// Open opens a session and returns its number.
func (c *Client) Open(ctx context.Context, s codegen.Spec) (uint64, error) {
	r, err := c.backend.Open(ctx, topb.Spec(s))
	return r.GetSession(), fromStatus(err)
}

// Load loads an artifact into a session.
func (c *Client) Load(ctx context.Context, session uint64, a *codegen.Artifact) ([]codegen.ProgID, error) {
	r, err := c.backend.Load(ctx, &pb.LoadRequest{Session: session, Artifact: topb.Artifact(a)})
	if err != nil {
		return nil, fromStatus(err)
	}
	if len(r.GetPrograms()) != len(a.Entries) {
		return nil, garbage("%d programs for an artifact of %d", len(r.GetPrograms()), len(a.Entries))
	}
	var ids []codegen.ProgID
	for _, id := range r.GetPrograms() {
		ids = append(ids, codegen.ProgID(id))
	}
	return ids, nil
}

// Unload unloads a program from a session.
func (c *Client) Unload(ctx context.Context, session uint64, p codegen.ProgID) error {
	_, err := c.backend.Unload(ctx, &pb.UnloadRequest{Session: session, Program: uint32(p)})
	return fromStatus(err)
}

// Maps performs operations on the maps of a session.
func (c *Client) Maps(ctx context.Context, session uint64, ops []codegen.MapOp) ([]codegen.MapResult, error) {
	r, err := c.backend.Maps(ctx, &pb.MapsRequest{Session: session, Ops: topb.MapOps(ops)})
	if err != nil {
		return nil, fromStatus(err)
	}
	results, err := frompb.MapResults(r.GetResults())
	if err != nil {
		return nil, garbage("a map's content: %w", err)
	}
	return results, nil
}

// Close closes a session.
func (c *Client) Close(ctx context.Context, session uint64) error {
	_, err := c.backend.Close(ctx, &pb.CloseRequest{Session: session})
	return fromStatus(err)
}

// A chunk of a batch takes about chunkTime, so that its messages cost little
// beside it and a crash loses little; maxChunkBytes of memory bounds them.
const (
	chunkTime     = 20 * time.Millisecond
	maxChunk      = 4096
	maxChunkBytes = 8 << 20
)

// nextChunk is the number of inputs of the chunk after one of size that took so long.
func nextChunk(size int, took time.Duration) int {
	switch {
	case took < chunkTime:
		return min(2*size, maxChunk)
	case took > 4*chunkTime:
		return max(size/2, 1)
	}
	return size
}

// prefix is the number of inputs, at least one, of a chunk of at most size inputs.
func prefix(inputs []codegen.Input, size int) int {
	n, bytes := 0, 0
	for n < len(inputs) && n < size {
		bytes += len(inputs[n].Mem)
		if n > 0 && bytes > maxChunkBytes {
			break
		}
		n++
	}
	return n
}

// maxInput is the largest input, in bytes: it and its result fit into messages.
const maxInput = MaxMessage / 2

// Run runs a program over a batch, chunk by chunk: what came before a crash is
// not lost. It calls progress whenever something comes. With an error it returns
// the results that came before it.
func (c *Client) Run(ctx context.Context, session uint64, p codegen.ProgID, in codegen.Batch, progress func()) (codegen.Results, error) {
	var out codegen.Results
	rest := in.Inputs
	for size := 1; len(rest) > 0; {
		if len(rest[0].Mem) > maxInput {
			return out, &codegen.UnsupportedError{
				What: fmt.Sprintf("an input of %d bytes", len(rest[0].Mem)),
				Msg:  fmt.Sprintf("a plugin takes at most %d MiB; run in process", maxInput>>20),
			}
		}
		n := prefix(rest, size)
		begin := time.Now()
		err := c.runChunk(ctx, &pb.RunRequest{
			Session: session,
			Program: uint32(p),
			Inputs:  topb.Inputs(rest[:n]),
			Repeat:  int64(in.Repeat),
			Fuel:    in.Fuel,
			Trace:   in.Trace,
		}, &out, progress)
		if err != nil {
			return out, err
		}
		rest, size = rest[n:], nextChunk(size, time.Since(begin))
	}
	return out, nil
}

// runChunk makes one request and appends its results to out.
func (c *Client) runChunk(ctx context.Context, r *pb.RunRequest, out *codegen.Results, progress func()) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // ends the stream if the answers are garbage
	stream, err := c.backend.Run(ctx, r)
	if err != nil {
		return fromStatus(err)
	}
	want := len(out.Results) + len(r.GetInputs())
	for {
		m, err := stream.Recv()
		if errors.Is(err, io.EOF) && len(out.Results) != want {
			return garbage("%d results too few", want-len(out.Results))
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fromStatus(err)
		}
		progress()
		if err := appendPart(out, m, want); err != nil {
			return &GarbageError{Err: err}
		}
	}
}

func appendPart(out *codegen.Results, m *pb.RunResponse, want int) error {
	trace, err := frompb.Trace(m.GetTrace())
	if err != nil {
		return err
	}
	results, err := frompb.Results(m.GetResults())
	if err != nil {
		return err
	}
	if len(out.Results)+len(results) > want {
		return errors.New("more results than inputs")
	}
	if len(trace) > 0 {
		if len(out.Results) == 0 {
			return errors.New("a trace without a result")
		}
		last := &out.Results[len(out.Results)-1]
		last.Trace = append(last.Trace, trace...)
	}
	out.Results = append(out.Results, results...)
	out.Elapsed += time.Duration(m.GetElapsedNs())
	out.Lost += int(m.GetLost())
	out.Runs += int(m.GetRuns())
	return nil
}
