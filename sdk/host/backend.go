package host

import (
	"context"
	"fmt"

	"github.com/bpfc/bpfc/core/abi"
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

// Open opens a session in the plugin's process. Spec.Helpers stay in this one:
// the session refuses artifacts that need them.
func (b runnerBackend) Open(ctx context.Context, s codegen.Spec) (codegen.Session, error) {
	out := &session{plugin: b.plugin}
	err := b.plugin.retry(ctx, "open a session", func(ctx context.Context, live *process) (err error) {
		out.live = live
		out.id, err = live.wire.Open(ctx, s)
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// helperSet is a helper set in a plugin.
type helperSet struct{ plugin *Plugin }

func (h helperSet) Describe(ctx context.Context) (*abi.Set, error) {
	var set *abi.Set
	err := h.plugin.retry(ctx, "describe its set", func(ctx context.Context, live *process) (err error) {
		set, err = live.wire.Describe(ctx)
		return err
	})
	if err != nil {
		return nil, err
	}
	if err := h.plugin.ref.trusts(set); err != nil {
		return nil, err
	}
	if err := abi.Check(set); err != nil {
		return nil, fmt.Errorf("%s describes what has no meaning: %w", h.plugin.ref.Name, err)
	}
	return set, nil
}

// trusts refuses helpers that are machine code unless the plugin is ours or pinned
// by its checksum: such code runs unchecked in the process that runs the program.
func (r Ref) trusts(set *abi.Set) error {
	if r.Builtin || r.SHA256 != "" {
		return nil
	}
	for i := range set.Helpers {
		if h := &set.Helpers[i]; h.Impl == abi.ImplNative {
			return &codegen.UnsupportedError{What: "helper " + h.Name + " as machine code", Msg: "plugin " + r.Name + " is not pinned by its checksum"}
		}
	}
	return nil
}

// session is a session in a plugin's process, and ends with it.
type session struct {
	plugin *Plugin
	live   *process
	id     uint64
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
	return res, err
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
	if s.live.ended() {
		return nil
	}
	return s.plugin.call(context.Background(), s.live, "close a session", func(ctx context.Context, _ func()) error {
		return s.live.wire.Close(ctx, s.id)
	})
}
