// Package host finds plugins, starts them in processes of their own, talks to
// them and ends them. What it returns are the same interfaces that a linked back
// end or helper set implements.
//
// A plugin cannot harm its host by failing: every call has a deadline, a crash is
// an error (and the call is made once more in a new process, where that is safe),
// its process ends with Close or with the host, however that ends, and its memory
// and processor time are limited. Failures of plugins are *Error.
package host

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/bpfc/bpfc/core/codegen"
	"github.com/bpfc/bpfc/sdk/internal/wire"
)

// Plugin is a started plugin. It is safe for concurrent use. Close ends it.
type Plugin struct {
	ref     Ref
	options Options
	target  codegen.Target
	role    Role
	runs    bool

	mu     sync.Mutex
	live   *process // nil after a failure: the next call starts a new one
	closed bool

	described *[32]byte // digest of the first description of a helper set
}

// Open finds a plugin by full name or path and starts it. The caller closes it.
func Open(ctx context.Context, name string, o Options) (*Plugin, error) {
	ref, err := Find(name, o.Dirs)
	if err != nil {
		return nil, err
	}
	return Start(ctx, ref, o)
}

// Start starts a plugin. The caller closes it. ctx bounds the start only.
func Start(ctx context.Context, ref Ref, o Options) (*Plugin, error) {
	o = o.withDefaults()
	sweep(o.TempDir)
	live, err := startProcess(ctx, ref, o)
	if err != nil {
		return nil, err
	}
	return &Plugin{ref: ref, options: o, target: live.target, role: live.role, runs: live.runs, live: live}, nil
}

// StartAll starts several plugins at the same time. If one cannot be started, the
// others are closed and the first error, in the order of refs, is returned.
func StartAll(ctx context.Context, refs []Ref, o Options) ([]*Plugin, error) {
	plugins, errs := make([]*Plugin, len(refs)), make([]error, len(refs))
	each(len(refs), func(i int) { plugins[i], errs[i] = Start(ctx, refs[i], o) })
	for _, err := range errs {
		if err != nil {
			CloseAll(plugins)
			return nil, err
		}
	}
	return plugins, nil
}

// CloseAll closes plugins at the same time; nil ones are skipped.
func CloseAll(plugins []*Plugin) {
	each(len(plugins), func(i int) {
		if plugins[i] != nil {
			_ = plugins[i].Close() // is always nil
		}
	})
}

func each(n int, f func(int)) {
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { f(i) })
	}
	wg.Wait()
}

// Ref is what the plugin was started from.
func (p *Plugin) Ref() Ref { return p.ref }

// Role is what the plugin turned out to be.
func (p *Plugin) Role() Role { return p.role }

// Backend returns the plugin as a back end, nil if it is none. It implements
// codegen.Runner if the plugin does.
func (p *Plugin) Backend() codegen.Backend {
	switch {
	case p.role != BackendRole:
		return nil
	case p.runs:
		return runnerBackend{backend{p}}
	}
	return backend{p}
}

// HelperSet returns the plugin as a helper set, nil if it is none.
func (p *Plugin) HelperSet() HelperSet {
	if p.role != HelpersRole {
		return nil
	}
	return helperSet{p}
}

// Close ends the plugin's process within 4 seconds, whatever it does. Further
// calls of the plugin fail. It returns nil.
func (p *Plugin) Close() error {
	p.mu.Lock()
	live := p.live
	p.live, p.closed = nil, true
	p.mu.Unlock()
	if live != nil {
		live.end(true)
	}
	return nil
}

// process returns the live process, starting a new one after a failure.
func (p *Plugin) process(ctx context.Context) (*process, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, fmt.Errorf("plugin %s is closed", p.ref.Name)
	}
	if p.live == nil {
		live, err := startProcess(ctx, p.ref, p.options)
		if err != nil {
			return nil, err
		}
		p.live = live
	}
	return p.live, nil
}

// drop ends a process that failed, so that the next call starts a new one.
func (p *Plugin) drop(failed *process) {
	p.mu.Lock()
	if p.live == failed {
		p.live = nil
	}
	p.mu.Unlock()
	failed.end(false)
}

// retry makes a call that leaves nothing behind, and makes it once more in a new
// process if the first one crashed.
func (p *Plugin) retry(ctx context.Context, op string, f func(context.Context, *process) error) error {
	err := p.once(ctx, op, f)
	var e *Error
	if !errors.As(err, &e) || e.Kind != Crash || e.Op != op || errors.As(err, new(*wire.PanicError)) {
		return err
	}
	p.options.Logger.Warn("restarting the plugin", "plugin", p.ref.Name, "error", err)
	err = p.once(ctx, op, f)
	if errors.As(err, &e) && e.Kind == Crash {
		e.Msg += "; it was restarted once and failed again"
	}
	return err
}

// once makes a call in the live process.
func (p *Plugin) once(ctx context.Context, op string, f func(context.Context, *process) error) error {
	live, err := p.process(ctx)
	if err != nil {
		return err
	}
	return p.call(ctx, live, op, func(ctx context.Context, _ func()) error { return f(ctx, live) })
}
