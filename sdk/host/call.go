package host

import (
	"context"
	"errors"
	"fmt"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/bpfc/bpfc/sdk/internal/wire"
)

// errTimeout is the cause of a call's end by Options.Timeout.
var errTimeout = errors.New("the plugin did not answer in time")

// call makes one call in one process within Options.Timeout.
func (p *Plugin) call(ctx context.Context, live *process, op string, f func(ctx context.Context, progress func()) error) error {
	return p.callWithin(ctx, live, op, p.options.Timeout, f)
}

// callWithin makes one call in one process with a deadline, which progress puts off,
// and says what a failure means.
func (p *Plugin) callWithin(ctx context.Context, live *process, op string, limit time.Duration, f func(ctx context.Context, progress func()) error) error {
	bounded, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	timer := time.AfterFunc(limit, func() { cancel(errTimeout) })
	defer timer.Stop()
	err := f(bounded, func() { timer.Reset(limit) })
	if err == nil {
		return nil
	}
	return p.explain(ctx, bounded, live, op, limit, err)
}

// explain tells an answer of the plugin's code, which is returned as it is, from
// a failure of the plugin. limit is what ends bounded with errTimeout.
func (p *Plugin) explain(ctx, bounded context.Context, live *process, op string, limit time.Duration, err error) error {
	var (
		panicked  *wire.PanicError
		garbage   *wire.GarbageError
		transport *wire.TransportError
	)
	fail := func(k Kind, cause error, format string, args ...any) error {
		return &Error{Plugin: p.ref.Name, Op: op, Kind: k, Msg: fmt.Sprintf(format, args...), Err: cause}
	}
	switch {
	case errors.As(err, &panicked):
		return fail(Crash, err, "panicked in %s: %s; its log (--log-level error) has the stack", op, panicked.Value)
	case errors.As(err, &garbage):
		return fail(Garbage, err, "gave a meaningless answer to %s: %v; it is broken or of another release", op, garbage.Err)
	case !errors.As(err, &transport):
		return err
	case errors.Is(context.Cause(bounded), errTimeout):
		p.drop(live)
		return fail(Timeout, errTimeout, "did not finish %s within %v and was killed; allow more time with --timeout if the work needs it", op, limit)
	case deadlinePassed(ctx, transport):
		return fail(Timeout, context.DeadlineExceeded, "did not finish %s before the deadline of the call", op)
	case ctx.Err() != nil:
		return ctx.Err()
	}
	return p.explainTransport(live, op, transport, fail)
}

// deadlineSlack is by how much the plugin's clock for a deadline may be ahead of ours.
const deadlineSlack = 100 * time.Millisecond

// deadlinePassed reports whether the caller's deadline ended the call, here or in
// the plugin, to which gRPC hands it on.
func deadlinePassed(ctx context.Context, err *wire.TransportError) bool {
	if ctx.Err() != nil {
		return errors.Is(ctx.Err(), context.DeadlineExceeded)
	}
	deadline, ok := ctx.Deadline()
	return ok && time.Until(deadline) < deadlineSlack && (err.Code == codes.DeadlineExceeded || err.Code == codes.Canceled)
}

func (p *Plugin) explainTransport(live *process, op string, err *wire.TransportError, fail func(Kind, error, string, ...any) error) error {
	switch err.Code {
	case codes.ResourceExhausted:
		return fail(Protocol, err, "and its host cannot exchange more than %d MiB at once, which %s needs: %s", wire.MaxMessage>>20, op, err.Msg)
	case codes.Unimplemented:
		return fail(Protocol, err, "does not know the call for %s; rebuild it with the SDK of this release", op)
	case codes.Canceled, codes.DeadlineExceeded:
		return fmt.Errorf("%s: %s", op, err.Msg) // the plugin's code gave up, nobody asked it to
	}
	if live.died() {
		failure := fail(Crash, err, "crashed in %s (%s)", op, live.death())
		p.drop(live)
		return failure
	}
	p.drop(live)
	return fail(Protocol, err, "broke its connection in %s and was ended: %s", op, err.Msg)
}
