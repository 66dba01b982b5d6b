package host

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"

	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/codegen"
	"github.com/bpfc/bpfc/sdk/internal/pb"
	"github.com/bpfc/bpfc/sdk/internal/wire"
	"github.com/bpfc/bpfc/sdk/trial"
)

// HelperSet is a helper set in a plugin.
type HelperSet interface {
	// Describe returns the set's description; the caller owns it.
	Describe(ctx context.Context) (*abi.Set, error)
	// Implement runs the set's remote helpers in the plugin, for a session: it is what sdk.Options.Sets and
	// codegen.Spec.Sets take. The set gets the part of the environment that has its name.
	Implement(codegen.Home) (codegen.Implementation, error)
}

// helperSet is a helper set in a plugin.
type helperSet struct{ plugin *Plugin }

// Describe asks the plugin, and refuses what a verifier could not rely on.
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
	if err := trial.Describe(set); err != nil {
		return nil, &Error{Plugin: h.plugin.ref.Name, Op: "describe its set", Kind: Garbage, Msg: "describes what has no meaning: " + err.Error(), Err: err}
	}
	return set, h.plugin.remember(set)
}

// remember refuses a description that differs from the first: what was verified by the one would run by the other.
func (p *Plugin) remember(set *abi.Set) error {
	digest, err := abi.Digest(set)
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.described == nil {
		p.described = &digest
	}
	if *p.described != digest {
		return &Error{Plugin: p.ref.Name, Op: "describe its set", Kind: Garbage, Msg: "describes its set in another way than before; it has to say the same each time"}
	}
	return nil
}

// trusts refuses helpers that are machine code unless the plugin is ours or pinned
// by its checksum: such code runs unchecked in the process that runs the program.
func (r Ref) trusts(set *abi.Set) error {
	if r.Builtin || r.SHA256 != "" {
		return nil
	}
	for i := range set.Helpers {
		if h := &set.Helpers[i]; h.Impl == abi.ImplNative {
			return &codegen.UnsupportedError{What: "helper " + h.Name + " as machine code", Msg: "plugin " + r.Name + " is not pinned by its checksum: pin it with `bpfc plugin lock`, or trust it with --trust " + r.Name}
		}
	}
	return nil
}

// Implement opens a session of the set in the plugin.
func (h helperSet) Implement(home codegen.Home) (codegen.Implementation, error) {
	ctx, cancel := context.WithTimeout(context.Background(), h.plugin.options.Timeout)
	defer cancel()
	set, err := h.Describe(ctx)
	if err != nil {
		return codegen.Implementation{}, err
	}
	helpers := wire.RemoteHelpers(set)
	if len(helpers) == 0 {
		return codegen.Implementation{}, nil
	}
	s := &helperSession{plugin: h.plugin, cpus: home.CPUs(), env: map[string][]byte{}}
	if part := home.Env(set.Name); part != nil {
		s.env[set.Name] = part
	}
	if _, _, err := s.open(ctx); err != nil {
		return codegen.Implementation{}, err
	}
	impl := codegen.Implementation{Helpers: map[string]codegen.GoHelper{}, Close: s.close}
	for name, proto := range helpers {
		impl.Helpers[name] = wire.Remote(proto, s.call, h.plugin.garbled)
	}
	return impl, nil
}

// helperSession is a session of a helper set in its plugin. When the process has ended, the next call opens it anew in
// another one, without what the helpers remembered.
type helperSession struct {
	plugin *Plugin
	env    map[string][]byte
	cpus   int

	mu   sync.Mutex
	live *process // nil before it is opened
	id   uint64
}

// open returns the session in the live process.
func (s *helperSession) open(ctx context.Context) (*process, uint64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	live, err := s.plugin.process(ctx)
	if err != nil || live == s.live {
		return live, s.id, err
	}
	err = s.plugin.call(ctx, live, "open its helpers", func(ctx context.Context, _ func()) (err error) {
		s.id, err = live.wire.OpenHelpers(ctx, s.env, s.cpus)
		return err
	})
	if err == nil {
		s.live = live
	}
	return live, s.id, err
}

// call calls a helper, once: whether a call that failed has had an effect is not known.
func (s *helperSession) call(m *pb.HelperCall) (r *pb.HelperReturn, err error) {
	live, id, err := s.open(context.Background())
	if err != nil {
		return nil, err
	}
	err = s.plugin.callWithin(context.Background(), live, "helper "+m.GetHelper(), s.plugin.options.helperTimeout(), func(ctx context.Context, _ func()) (err error) {
		r, err = live.wire.CallHelper(ctx, id, m)
		return err
	})
	return r, err
}

// garbled says whose answer an error is about, if it is about one.
func (p *Plugin) garbled(err error) error {
	if g := (*wire.GarbageError)(nil); errors.As(err, &g) {
		return &Error{Plugin: p.ref.Name, Op: "a helper", Kind: Garbage, Err: err, Msg: fmt.Sprintf("gave a meaningless answer to the call of a helper: %v; it is broken", g.Err)}
	}
	return err
}

// close ends the session, if its process lives.
func (s *helperSession) close() error {
	s.mu.Lock()
	live := s.live
	s.live = nil
	s.mu.Unlock()
	if live == nil || live.ended() {
		return nil
	}
	return s.plugin.call(context.Background(), live, "close its helpers", func(ctx context.Context, _ func()) error {
		return live.wire.CloseHelpers(ctx, s.id)
	})
}

// helperTimeout bounds one call of a remote helper: well below the time that a run may take in another plugin, so that
// the one to blame is named.
func (o Options) helperTimeout() time.Duration {
	return orDefault(o.HelperTimeout, min(o.Timeout/2, DefaultHelperTimeout))
}

// remotes are the remote helpers of a session in a back end's process, which this process runs, or hands on.
type remotes struct {
	helpers map[string]codegen.GoHelper
	env     map[string][]byte // for the back end's own sets
	impls   []codegen.Implementation
}

// openRemotes opens the sets that a spec has beside the back end's, if they have remote helpers.
func openRemotes(s codegen.Spec) (r remotes, err error) {
	r.env = s.Env
	wanted := wire.RemoteHelpers(s.Set)
	if len(wanted) == 0 {
		return r, nil
	}
	r.helpers, r.env = map[string]codegen.GoHelper{}, maps.Clone(s.Env)
	home := wire.NewHome(s.Env, s.CPUs, func(part string) { delete(r.env, part) })
	for _, open := range s.Sets {
		impl, err := open(home)
		if err != nil {
			return r, errors.Join(err, r.close())
		}
		r.impls = append(r.impls, impl)
		maps.Copy(r.helpers, impl.Helpers)
	}
	maps.Copy(r.helpers, s.Helpers)
	maps.DeleteFunc(r.helpers, func(name string, _ codegen.GoHelper) bool { return wanted[name] == nil })
	return r, nil
}

func (r *remotes) close() (err error) {
	for _, i := range r.impls {
		if i.Close != nil {
			err = errors.Join(err, i.Close())
		}
	}
	return err
}
