package wire

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"google.golang.org/grpc"

	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/codegen"
	"github.com/bpfc/bpfc/sdk/internal/pb"
)

// A program that runs in a back end's process calls a remote helper by way of the host:
//
//	program ─ Remote ─ caller ══ Backend.Helpers ══ Client.TakeCalls ─ the host's own helper ─ …
//
// The host's helper may again be a Remote, of the plugin that implements it.

// caller is the plugin's end: it sends calls to the host and waits for their answers.
type caller struct {
	mu      sync.Mutex
	stream  grpc.BidiStreamingServer[pb.HelperReturn, pb.HelperCall] // nil until the host listens
	last    uint64
	waiting map[uint64]chan *pb.HelperReturn
	gone    chan struct{} // closed when the host listens no more
}

func newCaller() *caller {
	return &caller{waiting: map[uint64]chan *pb.HelperReturn{}, gone: make(chan struct{})}
}

// helpers are the named helpers of a set that the host runs.
func (c *caller) helpers(s *abi.Set, names []string) map[string]codegen.GoHelper {
	out, remote := map[string]codegen.GoHelper{}, RemoteHelpers(s)
	for _, name := range names {
		if h := remote[name]; h != nil {
			out[name] = Remote(h, c.send, func(err error) error { return err })
		}
	}
	return out
}

var errNotTaken = errors.New("the host has stopped taking the calls of remote helpers")

func (c *caller) send(m *pb.HelperCall) (*pb.HelperReturn, error) {
	answer := make(chan *pb.HelperReturn, 1)
	if err := c.ask(m, answer); err != nil {
		return nil, err
	}
	select {
	case r := <-answer:
		return r, nil
	case <-c.gone:
		return nil, errNotTaken
	}
}

func (c *caller) ask(m *pb.HelperCall, answer chan *pb.HelperReturn) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stream == nil {
		return errNotTaken
	}
	c.last++
	m.Call = c.last
	c.waiting[c.last] = answer
	return c.stream.Send(m)
}

// serve hands out answers until the host ends the stream.
func (c *caller) serve(stream grpc.BidiStreamingServer[pb.HelperReturn, pb.HelperCall]) error {
	c.mu.Lock()
	taken := c.stream != nil
	c.stream = stream
	c.mu.Unlock()
	if taken {
		return toStatus(errors.New("the calls of the session are taken already"))
	}
	defer close(c.gone)
	if err := stream.Send(&pb.HelperCall{}); err != nil { // says that calls can come from now on
		return err
	}
	for {
		r, err := stream.Recv()
		if err != nil {
			return nil // the host is done
		}
		c.mu.Lock()
		answer := c.waiting[r.GetCall()]
		delete(c.waiting, r.GetCall())
		c.mu.Unlock()
		if answer != nil {
			answer <- r
		}
	}
}

// Helpers serves the calls of a session's remote helpers.
func (s *backendServer) Helpers(stream grpc.BidiStreamingServer[pb.HelperReturn, pb.HelperCall]) error {
	first, err := stream.Recv()
	if err != nil {
		return err
	}
	s.mu.Lock()
	calls := s.callers[first.GetSession()]
	s.mu.Unlock()
	if calls == nil {
		return toStatus(errNoSession)
	}
	return calls.serve(stream)
}

// TakeCalls runs the remote helpers of a session in this process until ctx is done; it returns when calls can come.
// failed is told why a call ends its run.
func (c *Client) TakeCalls(ctx context.Context, session uint64, helpers map[string]codegen.GoHelper, failed func(error)) error {
	stream, err := c.backend.Helpers(ctx)
	if err != nil {
		return fromStatus(err)
	}
	if err := stream.Send(&pb.HelperReturn{Session: session}); err != nil {
		return fromStatus(err)
	}
	if _, err := stream.Recv(); err != nil {
		return fromStatus(err)
	}
	t := &taker{stream: stream, helpers: helpers, failed: failed}
	go t.take()
	return nil
}

// taker is the host's end of a session's calls.
type taker struct {
	stream  grpc.BidiStreamingClient[pb.HelperReturn, pb.HelperCall]
	helpers map[string]codegen.GoHelper
	failed  func(error)
	mu      sync.Mutex // of sending
}

func (t *taker) take() {
	for {
		m, err := t.stream.Recv()
		if err != nil {
			return // the session or its process has ended
		}
		go t.answer(m)
	}
}

func (t *taker) answer(m *pb.HelperCall) {
	out := &pb.HelperReturn{Call: m.GetCall()}
	if f := t.helpers[m.GetHelper()]; f == nil {
		out.Failure = fmt.Sprintf("the host has no helper %s", m.GetHelper())
	} else {
		var err error
		if out, err = serveCall(f, m); err != nil {
			t.failed(err)
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	_ = t.stream.Send(out) // fails if nobody waits any more
}

// OpenHelpers opens a session of a helper set and returns its number.
func (c *Client) OpenHelpers(ctx context.Context, env map[string][]byte, cpus int) (uint64, error) {
	r, err := c.helpers.Open(ctx, &pb.OpenRequest{Env: env, Cpus: int64(cpus)})
	return r.GetSession(), fromStatus(err)
}

// CallHelper calls a helper of a session.
func (c *Client) CallHelper(ctx context.Context, session uint64, m *pb.HelperCall) (*pb.HelperReturn, error) {
	m.Session = session
	r, err := c.helpers.Call(ctx, m)
	return r, fromStatus(err)
}

// CloseHelpers closes a session of a helper set.
func (c *Client) CloseHelpers(ctx context.Context, session uint64) error {
	_, err := c.helpers.Close(ctx, &pb.CloseRequest{Session: session})
	return fromStatus(err)
}
