package sdk

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

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
	with    loaded
	close   func() error
	ended   atomic.Bool // Close was called
}

// loaded is what the programs of one load have in common.
type loaded struct {
	cpus     int  // 0 if they are in a session of the caller's
	set      *Set // nil likewise
	cover    *Coverage
	programs []EntryInfo
}

// open opens a session for programs of the options.
func open(ctx context.Context, b Backend, opts *Options) (Session, loaded, error) {
	r, ok := b.(Runner)
	if !ok {
		return nil, loaded{}, &UnsupportedError{What: "running programs with back end " + b.Target().Name, Msg: "it only compiles"}
	}
	spec, err := opts.spec()
	if err != nil {
		return nil, loaded{}, err
	}
	session, err := r.Open(ctx, spec)
	return session, loaded{cpus: spec.CPUs, set: spec.Set, cover: opts.Cover}, err
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
	session, with, err := open(ctx, b, &opts)
	if err != nil {
		return nil, err
	}
	ids, err := session.Load(ctx, a)
	if err != nil {
		return nil, errors.Join(err, session.Close())
	}
	return programs(session, a, ids, with)
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
	return newPrograms(s, a, ids, loaded{})
}

// programs are the programs of a session that closes with the last of them.
func programs(session Session, a *Artifact, ids []ProgID, with loaded) ([]*Program, error) {
	all, err := newPrograms(session, a, ids, with)
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
func newPrograms(session Session, a *Artifact, ids []ProgID, with loaded) ([]*Program, error) {
	for i := range a.Entries {
		with.programs = append(with.programs, a.Entries[i].EntryInfo)
	}
	all := make([]*Program, len(ids))
	for i, id := range ids {
		p := &Program{session: session, id: id, info: a.Entries[i].EntryInfo, with: with}
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

// errNoProgram is what a nil *Program answers.
var errNoProgram = errors.New("the collection has no such program")

// Info describes the program.
func (p *Program) Info() EntryInfo { return p.info }

// Run runs the program once on mem, nil for none, and returns R0. The program
// reads and writes mem in place. A broken rule is returned as a *Fault. While
// all workers run, Run waits for one.
func (p *Program) Run(mem []byte) (uint64, error) {
	if p.fast != nil && p.with.cover == nil {
		return p.fast.Run(mem)
	}
	r, err := p.once(context.Background(), Input{Mem: mem})
	copy(mem, r.Mem)
	return r.Ret, err
}

// RunEach runs the program once on each of the memories, as Run does, and puts what the runs return into rets, which has room
// for all. It ends with the first error; n is how many runs there were before it.
func (p *Program) RunEach(mems [][]byte, rets []uint64) (n int, err error) {
	if p.fast != nil && p.with.cover == nil {
		return p.fast.RunEach(mems, rets)
	}
	for ; n < len(mems) && err == nil; n++ {
		rets[n], err = p.Run(mems[n])
	}
	if err != nil {
		n--
	}
	return n, err
}

// Exec runs the program once on an input: memory, or a packet and a context. The input stays as it is; the result has
// both as they are afterwards, and what the run has left behind. A broken rule is returned as a *Fault, with the result.
func (p *Program) Exec(ctx context.Context, in Input) (Result, error) {
	if p == nil {
		return Result{}, errNoProgram
	}
	in.Mem = slices.Clone(in.Mem)
	return p.once(ctx, in)
}

// once runs the program on one input.
func (p *Program) once(ctx context.Context, in Input) (Result, error) {
	out, err := p.RunBatch(ctx, Batch{Inputs: []Input{in}})
	if err != nil {
		return Result{}, err
	}
	r := out.Results[0]
	if r.Fault != nil {
		r.Ret, err = 0, r.Fault
	}
	return r, err
}

// RunBatch runs the program on many inputs with one call; see Session.Run.
func (p *Program) RunBatch(ctx context.Context, in Batch) (Results, error) {
	if p.with.cover != nil {
		in.Trace = true
	}
	out, err := p.session.Run(ctx, p.id, in)
	for i := 0; i < len(out.Results) && p.with.cover != nil; i++ {
		trace := out.Results[i].Trace
		if len(trace) == 0 {
			return out, &UnsupportedError{What: "coverage of program " + p.info.Name, Msg: "its back end records no trace; use the interpreter"}
		}
		p.with.cover.Add(p.with.programs, p.info.Name, trace)
	}
	return out, err
}

// Context makes the bytes of Input.Ctx of values by the names of the context's fields: integers that fit, byte slices
// for a field's bytes, slices of integers for arrays. What is not named is 0, or what the program type gives it.
func (p *Program) Context(fields map[string]any) ([]byte, error) {
	c, err := p.context()
	if err != nil {
		return nil, err
	}
	return c.Pack(fields)
}

// Fields are the fields of a context, such as Result.Ctx, by name, without pointers: each a uint64, or an int64 if C
// programs declare it with a sign; of arrays a []uint64 or []byte.
func (p *Program) Fields(ctx []byte) (map[string]any, error) {
	c, err := p.context()
	if err != nil {
		return nil, err
	}
	return c.Unpack(ctx), nil
}

// RecordFields are the fields of a record that holds a structure of the context, by name and as in Fields: the keys that a
// flow dissector leaves. Other records have none, which is an error.
func (p *Program) RecordFields(r *Record) (map[string]any, error) {
	if _, err := p.context(); err != nil {
		return nil, err
	}
	t, _ := p.with.set.Type(p.info.Type) // context has found it
	if c := p.with.set.Behind(&t, r.Helper); c != nil {
		return c.Unpack(r.Data), nil
	}
	return nil, fmt.Errorf("program %s: a record of %s holds no structure of its context", p.info.Name, r.Helper)
}

// context describes the program's context.
func (p *Program) context() (*Context, error) {
	if p == nil {
		return nil, errNoProgram
	}
	if p.with.set == nil {
		return nil, fmt.Errorf("program %s was loaded into a session, whose set is not known; use the Context of its ProgType", p.info.Name)
	}
	t, ok := p.with.set.Type(p.info.Type)
	if !ok || t.Context.Kind != CtxStruct {
		return nil, fmt.Errorf("program %s is of type %s, which has no described context", p.info.Name, p.info.Type)
	}
	return &t.Context, nil
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
// Release gives it back. There is one only for programs in this process. Its runs are not counted by Options.Cover. Its runs are not part of Options.Cover.
func (p *Program) Worker(ctx context.Context) (*Worker, error) {
	if p.fast == nil {
		return nil, &UnsupportedError{What: "a worker of program " + p.info.Name, Msg: "it runs in another process; use RunBatch"}
	}
	return p.fast.Worker(ctx)
}

// Close ends the program; runs that are under way end first.
func (p *Program) Close() error {
	p.ended.Store(true)
	return p.close()
}
