package sdk

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/bpfc/bpfc/runtime"
)

// HostCPU is the highest CPU level of this machine, for Options.CPU; "" where
// levels are not told apart.
func HostCPU() string { return runtime.HostCPU() }

// OpenNative opens a session in this process for artifacts of amd64 machine code:
// what the Open of a back end that makes such code may return.
func OpenNative(ctx context.Context, s Spec) (Session, error) {
	session, err := runtime.OpenSession(ctx, s, runtime.Native{})
	if err != nil {
		return nil, err
	}
	return session, nil
}

// Program is a loaded program. It is safe for concurrent use; Close ends it.
type Program struct {
	fast    *runtime.Program // nil if it runs in another process
	session Session
	id      ProgID
	info    EntryInfo
	cpus    int // of the session, if it is known
	close   func() error
}

// Load compiles one program of an object and loads it: the one that
// opts.Programs names, or the only one that there is. The back end must be a
// Runner. If it is linked, the program runs in this process; if it is a plugin,
// in the plugin's.
func Load(ctx context.Context, o *Object, b Backend, opts Options) (*Program, error) {
	name, err := oneName(o, opts.Programs)
	if err != nil {
		return nil, err
	}
	opts.Programs = []string{name}
	a, err := Compile(ctx, o, b, opts)
	if err != nil {
		return nil, err
	}
	all, err := LoadArtifact(ctx, a, b, opts)
	if err != nil {
		return nil, err
	}
	return all[0], nil
}

// oneName is the name of the program to load.
func oneName(o *Object, wanted []string) (string, error) {
	names := wanted
	for i := range o.Programs {
		if len(wanted) == 0 && !o.Programs[i].Off {
			names = append(names, o.Programs[i].Name)
		}
	}
	if len(names) != 1 {
		return "", fmt.Errorf("%s: Load takes one program; name it in Options.Programs, of %d: %s", o.Name, len(names), strings.Join(names, ", "))
	}
	return names[0], nil
}

// LoadArtifact loads all programs of an artifact into one home, where they share
// data sections and maps: one Program for each entry, in order. b is the back
// end that made the artifact. What they share is freed when all are closed.
func LoadArtifact(ctx context.Context, a *Artifact, b Backend, opts Options) ([]*Program, error) {
	r, ok := b.(Runner)
	if !ok {
		return nil, &UnsupportedError{What: "running programs with back end " + b.Target().Name, Msg: "it only compiles"}
	}
	spec, err := opts.spec()
	if err != nil {
		return nil, err
	}
	session, err := r.Open(ctx, spec)
	if err != nil {
		return nil, err
	}
	ids, err := session.Load(ctx, a)
	if err != nil {
		return nil, errors.Join(err, session.Close())
	}
	return programs(session, a, ids)
}

// LoadInto loads all programs of an artifact into a session that the caller
// has opened with the back end's Open: one Program for each entry, in order.
// Close unloads a program; the session stays open for others, and ends them when
// it is closed. It is how a service replaces programs: a session costs much more
// than a program.
func LoadInto(ctx context.Context, s Session, a *Artifact) ([]*Program, error) {
	ids, err := s.Load(ctx, a)
	if err != nil {
		return nil, err
	}
	return newPrograms(s, a, ids)
}

// programs are the programs of a session that closes with the last of them.
func programs(session Session, a *Artifact, ids []ProgID) ([]*Program, error) {
	all, err := newPrograms(session, a, ids)
	if err != nil {
		return nil, errors.Join(err, session.Close())
	}
	left := len(all)
	var mu sync.Mutex
	for _, p := range all {
		unload := p.close
		p.close = sync.OnceValue(func() error {
			mu.Lock()
			defer mu.Unlock()
			if left--; left == 0 {
				return session.Close()
			}
			return unload()
		})
	}
	return all, nil
}

// newPrograms makes programs that unload themselves.
func newPrograms(session Session, a *Artifact, ids []ProgID) ([]*Program, error) {
	all := make([]*Program, len(ids))
	for i, id := range ids {
		p := &Program{session: session, id: id, info: a.Entries[i].EntryInfo}
		if home, ok := session.(*runtime.Session); ok {
			fast, err := home.Program(id)
			if err != nil {
				return nil, err
			}
			p.fast = fast
		}
		p.close = sync.OnceValue(func() error { return session.Unload(context.Background(), id) })
		all[i] = p
	}
	return all, nil
}

// Info describes the program.
func (p *Program) Info() EntryInfo { return p.info }

// Run runs the program once on mem, nil for none, and returns R0. The program
// reads and writes mem in place. A broken rule is returned as a *Fault. While
// all workers run, Run waits for one.
func (p *Program) Run(mem []byte) (uint64, error) {
	if p.fast != nil {
		return p.fast.Run(mem)
	}
	return p.runRemote(mem)
}

func (p *Program) runRemote(mem []byte) (uint64, error) {
	out, err := p.session.Run(context.Background(), p.id, Batch{Inputs: []Input{{Mem: mem}}})
	if err != nil {
		return 0, err
	}
	r := &out.Results[0]
	copy(mem, r.Mem)
	if r.Fault != nil {
		return 0, r.Fault
	}
	return r.Ret, nil
}

// Exec runs the program once on an input: memory, or a packet and a context. The result has both as they are
// afterwards, and what the run has left behind. A broken rule is returned as a *Fault.
func (p *Program) Exec(ctx context.Context, in Input) (Result, error) {
	out, err := p.session.Run(ctx, p.id, Batch{Inputs: []Input{in}})
	if err != nil {
		return Result{}, err
	}
	if r := out.Results[0]; r.Fault != nil {
		return r, r.Fault
	}
	return out.Results[0], nil
}

// RunBatch runs the program on many inputs with one call; see Session.Run.
func (p *Program) RunBatch(ctx context.Context, in Batch) (Results, error) {
	return p.session.Run(ctx, p.id, in)
}

// Maps performs operations on the program's maps and data sections, in order.
// The field Prog of the operations is set by it.
func (p *Program) Maps(ctx context.Context, ops ...MapOp) ([]MapResult, error) {
	own := append([]MapOp(nil), ops...)
	for i := range own {
		own[i].Prog = p.id
	}
	return p.session.Maps(ctx, own)
}

// Worker leases a worker for a loop of runs, which then costs no look-up; its
// Release gives it back. There is one only for programs in this process.
func (p *Program) Worker(ctx context.Context) (*Worker, error) {
	if p.fast == nil {
		return nil, &UnsupportedError{What: "a worker of program " + p.info.Name, Msg: "it runs in another process; use RunBatch"}
	}
	return p.fast.Worker(ctx)
}

// Close ends the program; runs that are under way end first.
func (p *Program) Close() error { return p.close() }
