package host

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"

	"github.com/bpfc/bpfc/core/codegen"
)

// backend is a back end in a plugin.
type backend struct{ plugin *Plugin }

// Target is what the plugin said at its start.
func (b backend) Target() codegen.Target { return b.plugin.target }

// Compile has the unit compiled, and once more in a new process if the plugin
// crashes. The artifact has been checked: its digest, and that its tables refer to one another.
func (b backend) Compile(ctx context.Context, u *codegen.Unit, o codegen.Options) (*codegen.Artifact, error) {
	var a *codegen.Artifact
	err := b.plugin.retry(ctx, "compile "+u.Name, func(ctx context.Context, live *process) (err error) {
		a, err = live.wire.Compile(ctx, u, o)
		return err
	})
	if err != nil {
		return nil, err
	}
	if err := checkArtifact(a, u, b.plugin.target); err != nil {
		return nil, &Error{Plugin: b.plugin.ref.Name, Op: "compile " + u.Name, Kind: Garbage, Err: err,
			Msg: fmt.Sprintf("made a broken artifact of %s: %v; use another back end and report this to its author", u.Name, err)}
	}
	return a, nil
}

// runnerBackend is a back end in a plugin that also runs its artifacts there.
type runnerBackend struct{ backend }

// Open opens a session in the plugin's process. The set's remote helpers are called by way of this process, which finds
// them in Spec.Sets and Spec.Helpers; others of these stay here: the session refuses artifacts that need them.
func (b runnerBackend) Open(ctx context.Context, s codegen.Spec) (codegen.Session, error) {
	remotes, err := openRemotes(s)
	if err != nil {
		return nil, err
	}
	s.Helpers, s.Env = remotes.helpers, remotes.env
	out := &session{plugin: b.plugin, remotes: remotes}
	err = b.plugin.retry(ctx, "open a session", func(ctx context.Context, live *process) (err error) {
		out.live = live
		out.id, err = live.wire.Open(ctx, s)
		return err
	})
	if err == nil && len(remotes.helpers) > 0 {
		err = out.takeCalls()
	}
	if err != nil {
		return nil, errors.Join(err, remotes.close())
	}
	return out, nil
}

// takeCalls runs the session's remote helpers here until it is closed.
func (s *session) takeCalls() error {
	ctx, cancel := context.WithCancel(context.Background())
	s.untake = cancel
	err := s.plugin.call(context.Background(), s.live, "taking the calls of remote helpers", func(begin context.Context, _ func()) error {
		stop := context.AfterFunc(begin, cancel)
		defer stop()
		return s.live.wire.TakeCalls(ctx, s.id, s.remotes.helpers, s.helperFailed)
	})
	if err != nil {
		cancel()
	}
	return err
}

// helperFailed notes why a helper has ended a run.
func (s *session) helperFailed(err error) { s.failure.Store(&err) }

// cause replaces what came back from the back end by the failure of the helper that it tells of.
func (s *session) cause(err error) error {
	failure := s.failure.Load()
	if err == nil || failure == nil || errors.As(err, new(*Error)) || !strings.Contains(err.Error(), (*failure).Error()) {
		return err
	}
	return *failure
}

// session is a session in a plugin's process, and ends with it.
type session struct {
	plugin *Plugin
	live   *process
	id     uint64

	remotes remotes
	untake  func() // nil if no calls are taken
	failure atomic.Pointer[error]
}

// call makes a call of the session; nothing is repeated, as the session would be lost.
func (s *session) call(ctx context.Context, op string, f func(context.Context, func()) error) error {
	if s.live.ended() {
		return &Error{Plugin: s.plugin.ref.Name, Op: op, Kind: Crash,
			Msg: "has ended, and with it the session for " + op + "; open a new session"}
	}
	return s.plugin.call(ctx, s.live, op, f)
}

// Load loads an artifact; the plugin refuses one that needs a helper which it does not have.
func (s *session) Load(ctx context.Context, a *codegen.Artifact) (ids []codegen.ProgID, err error) {
	err = s.call(ctx, "load "+a.Name, func(ctx context.Context, _ func()) (err error) {
		ids, err = s.live.wire.Load(ctx, s.id, a)
		return err
	})
	return ids, err
}

// Unload frees a program.
func (s *session) Unload(ctx context.Context, p codegen.ProgID) error {
	return s.call(ctx, "unload a program", func(ctx context.Context, _ func()) error {
		return s.live.wire.Unload(ctx, s.id, p)
	})
}

// Run runs a program over a batch. The results that came before a failure are
// returned with it. The deadline is for each chunk of results: a long batch may
// go on as long as results come.
func (s *session) Run(ctx context.Context, p codegen.ProgID, in codegen.Batch) (res codegen.Results, err error) {
	err = s.call(ctx, "run", func(ctx context.Context, progress func()) (err error) {
		res, err = s.live.wire.Run(ctx, s.id, p, in, progress)
		return err
	})
	return res, s.cause(err)
}

// Maps performs operations on maps.
func (s *session) Maps(ctx context.Context, ops []codegen.MapOp) (out []codegen.MapResult, err error) {
	err = s.call(ctx, "map operations", func(ctx context.Context, _ func()) (err error) {
		out, err = s.live.wire.Maps(ctx, s.id, ops)
		return err
	})
	return out, err
}

// Close closes the session. One that has ended with its plugin is closed already.
func (s *session) Close() error {
	var err error
	if !s.live.ended() {
		err = s.plugin.call(context.Background(), s.live, "close a session", func(ctx context.Context, _ func()) error {
			return s.live.wire.Close(ctx, s.id)
		})
	}
	if s.untake != nil {
		s.untake()
	}
	return errors.Join(err, s.remotes.close())
}
