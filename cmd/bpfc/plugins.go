package main

import (
	"context"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/codegen"
	"github.com/bpfc/bpfc/sdk/builtin"
	"github.com/bpfc/bpfc/sdk/host"
)

// plugins are the plugin processes of one run of bpfc. They are started when
// they are first needed.
type plugins struct {
	mu      sync.Mutex
	started []*host.Plugin
	opens   []codegen.Open // of sets with remote helpers
}

// close ends all processes.
func (a *app) close() { host.CloseAll(a.plugins.started) }

// noLimit stands for a --timeout of 0 where a limit is needed.
const noLimit = 24 * time.Hour

func (a *app) hostOptions() host.Options {
	o := host.Options{Dirs: a.pluginDirs(), Timeout: a.timeout, Reattach: os.Getenv("BPFC_REATTACH")}
	if a.timeout <= 0 {
		o.Timeout = noLimit
	}
	if a.logLevel != "off" {
		o.Logger = host.NewLogger(a.messages, a.logLevel)
	}
	return o
}

func (a *app) pluginDirs() []string {
	dirs := host.DefaultDirs(os.Getenv)
	if a.pluginDir != "" {
		dirs = append([]string{a.pluginDir}, dirs...)
	}
	return dirs
}

// builtins are the names of the built-in plugins of a role.
func builtins(role host.Role) []string {
	if role == host.BackendRole {
		return builtin.Backends()
	}
	return builtin.Sets()
}

// ref finds a plugin by short name, full name or path. Built-in names are ours.
func (a *app) ref(role host.Role, name string) (host.Ref, error) {
	prefix := "bpfc-" + string(role) + "-"
	short := strings.TrimPrefix(name, prefix)
	if slices.Contains(builtins(role), short) {
		return host.Builtin(role, short)
	}
	if strings.ContainsRune(name, os.PathSeparator) || slices.ContainsFunc(roles, func(r host.Role) bool { return strings.HasPrefix(name, "bpfc-"+string(r)+"-") }) {
		return host.Find(name, a.pluginDirs())
	}
	return host.Find(prefix+name, a.pluginDirs())
}

// start starts a plugin that runs until the end of bpfc.
func (p *plugins) start(ctx context.Context, a *app, role host.Role, name string) (*host.Plugin, error) {
	ref, err := a.ref(role, name)
	if err != nil {
		return nil, err
	}
	if ref, err = a.pin(ref); err != nil {
		return nil, err
	}
	started, err := host.Start(ctx, ref, a.hostOptions())
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	p.started = append(p.started, started)
	p.mu.Unlock()
	return started, nil
}

// backend starts a back end.
func (p *plugins) backend(ctx context.Context, a *app, name string) (codegen.Backend, error) {
	started, err := p.start(ctx, a, host.BackendRole, name)
	if err != nil {
		return nil, err
	}
	b := started.Backend()
	if b == nil {
		return nil, usage("%s is a helper set, not a back end", name)
	}
	return b, nil
}

// set starts the helper sets that --helpers names, at once, and merges what they describe.
func (p *plugins) set(ctx context.Context, a *app) (*abi.Set, error) {
	sets := make([]*abi.Set, len(a.helpers))
	starts := make([]func() error, len(a.helpers))
	for i, name := range a.helpers {
		starts[i] = func() (err error) { sets[i], err = p.describe(ctx, a, name); return err }
	}
	if err := parallel(starts...); err != nil {
		return nil, err
	}
	points, err := a.tracepoints()
	if err != nil {
		return nil, err
	}
	return abi.Merge(append(sets, points...)...)
}

func (p *plugins) describe(ctx context.Context, a *app, name string) (*abi.Set, error) {
	started, err := p.start(ctx, a, host.HelpersRole, name)
	if err != nil {
		return nil, err
	}
	h := started.HelperSet()
	if h == nil {
		return nil, usage("%s is a back end, not a helper set", name)
	}
	set, err := h.Describe(ctx)
	if err == nil && slices.ContainsFunc(set.Helpers, func(h abi.Helper) bool { return h.Impl == abi.ImplRemote }) {
		p.mu.Lock()
		p.opens = append(p.opens, h.Implement)
		p.mu.Unlock()
	}
	return set, err
}

// open opens a session: in the back end's process, or in this one.
func (a *app) open(ctx context.Context, b codegen.Backend, spec codegen.Spec, f *runFlags) (codegen.Session, error) {
	spec.Sets = append(spec.Sets, a.plugins.opens...)
	if f.inProcess {
		return a.openHere(ctx, b.Target(), spec, f.backend)
	}
	r, ok := b.(codegen.Runner)
	if !ok {
		return nil, &codegen.UnsupportedError{What: "running programs with back end " + b.Target().Name, Msg: "it only compiles; use --backend interp"}
	}
	return r.Open(ctx, spec)
}

// openHere opens a session in this process, whatever a plugin calls its target: for the code of our own back ends, and
// for machine code of those that are pinned or trusted.
func (a *app) openHere(ctx context.Context, t codegen.Target, spec codegen.Spec, backend string) (codegen.Session, error) {
	ref, err := a.ref(host.BackendRole, backend)
	if err != nil {
		return nil, err
	}
	if ref, err = a.pin(ref); err != nil {
		return nil, err
	}
	linked, ok := builtin.Backend(t.Name)
	switch {
	case ref.Builtin && ok:
		return linked.(codegen.Runner).Open(ctx, spec)
	case ref.SHA256 != "" && t.Arch == "amd64" && nativeHost():
		return builtin.OpenNative(ctx, spec)
	}
	return nil, &codegen.UnsupportedError{What: "--in-process with back end " + backend, Msg: "only the code of built-in back ends, and machine code of those that are pinned (bpfc plugin lock) or named with --trust, runs in this process; leave the flag out"}
}
