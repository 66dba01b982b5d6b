package sdk

import (
	"fmt"

	"github.com/bpfc/bpfc/core/codegen"
	"github.com/bpfc/bpfc/runtime"
)

// What is attached to programs.
type (
	// Link is a hook that is attached to a program. Its Detach returns when no run is in it any more.
	Link = runtime.Link
	// Visit is a run as a Go function sees it that is attached to its program; it is the function's until that returns.
	Visit = runtime.Visit
	// Site is where a hook runs.
	Site = runtime.Site
	// HookArgs is what the set of a hook's program type is told of the run, see Implementation.Hooks.
	HookArgs = codegen.HookArgs
)

// The sites of hooks.
const (
	AtEntry = runtime.AtEntry
	AtExit  = runtime.AtExit
)

// Attach makes a program run before or after each run of p, behind the hooks that are there already, while p runs. It is
// a program of the same session (a collection, an artifact, or one that was loaded with LoadInto) and either of p's type,
// which gets the context of the run in place, or of one for hooks, such as bpf_hook of the base set, which reads p's
// arguments and result. What it returns is ignored; that it failed, Link.Failed says. A tail call to p does not run
// p's hooks. docs/HOOKS.md has the rules. Programs in another process are refused.
func (p *Program) Attach(at Site, hook *Program) (*Link, error) {
	if p == nil || hook == nil {
		return nil, errNoProgram
	}
	for _, q := range []*Program{p, hook} {
		if q.fast == nil {
			return nil, q.noHooks()
		}
	}
	return p.fast.Attach(at, hook.fast)
}

// AttachFunc makes a Go function run before or after each run of p, in the goroutine of the run, as Attach does with a
// program. It may be called by several runs at a time. It must not use the run's Worker, nor wait for runs in other
// goroutines; a program that it runs itself fails instead of waiting for a worker.
func (p *Program) AttachFunc(at Site, hook func(*Visit)) (*Link, error) {
	if p == nil {
		return nil, errNoProgram
	}
	if p.fast == nil {
		return nil, p.noHooks()
	}
	return p.fast.AttachFunc(at, hook)
}

func (p *Program) noHooks() error {
	return &UnsupportedError{What: fmt.Sprintf("a hook with program %s", p.info.Name), Msg: "it runs in another process; load it with a back end that is linked"}
}
