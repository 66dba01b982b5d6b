package interp

import (
	"fmt"
	"sync"

	"github.com/bpfc/bpfc/core/codegen"
	"github.com/bpfc/bpfc/core/ir"
	"github.com/bpfc/bpfc/runtime"
)

// Loader loads the interpreter's artifacts into a runtime.Runtime. The zero value is ready for use.
type Loader struct {
	// Observer, if set, sees every instruction of every run, from the goroutine
	// that runs; runs are slower then.
	Observer Observer
}

// Load decodes the image's artifact. Its programs are checked again: bytes of
// any origin load or are refused with an error.
func (l Loader) Load(img *runtime.Image) (runtime.Executable, error) {
	a := img.Artifact
	if a.Target != name || a.Version != Version {
		return nil, fmt.Errorf("it is for %s version %s, this is %s version %s: compile it again", a.Target, a.Version, name, Version)
	}
	list, err := ir.UnmarshalAll(a.Code)
	if err != nil {
		return nil, err
	}
	if len(list) != len(a.Entries) {
		return nil, fmt.Errorf("it has code of %d programs for %d entries", len(list), len(a.Entries))
	}
	x := &executable{observer: l.Observer}
	for i, p := range list {
		p = attach(p, a)
		if err := refuse(p); err != nil {
			return nil, err
		}
		if err := refer(p, i, img); err != nil {
			return nil, err
		}
		x.fast = append(x.fast, decode(p, i, img, false))
		x.observed = append(x.observed, sync.OnceValue(func() *program { return decode(p, i, img, true) }))
	}
	return x, nil
}

// refer tells the image which maps an entry refers to.
func refer(p *ir.Program, entry int, img *runtime.Image) error {
	for _, f := range p.Funcs {
		for _, b := range f.Blocks {
			for i := range b.Insns {
				if in := &b.Insns[i]; in.Ref.Kind == ir.RefMap || in.Ref.Kind == ir.RefMapValue {
					if err := img.Refers(entry, int(in.Ref.Index)); err != nil {
						return err
					}
				}
			}
		}
	}
	return nil
}

// executable is a loaded artifact: every program decoded, for observation when first wanted.
type executable struct {
	observer Observer
	fast     []*program
	observed []func() *program
}

// Run implements runtime.Executable.
func (x *executable) Run(w *runtime.Worker, entry int, r1, r2 uint64) (uint64, error) {
	return x.run(w, entry, r1, r2, x.observer)
}

// run runs a program and, in its place, those that it tail-calls.
func (x *executable) run(w *runtime.Worker, entry int, r1, r2 uint64, to Observer) (uint64, error) {
	ret, err := x.one(w, entry, r1, r2, to)
	if err == errTail {
		return chain(w, r1, r2, to)
	}
	return ret, err
}

// chain runs the program that was tail-called last, and in its place those that it tail-calls.
func chain(w *runtime.Worker, r1, r2 uint64, to Observer) (ret uint64, err error) {
	for {
		code, entry := w.Next()
		if ret, err = code.(*executable).one(w, entry, r1, r2, to); err != errTail {
			return ret, err
		}
	}
}

// one runs a program up to its end or its tail call.
func (x *executable) one(w *runtime.Worker, entry int, r1, r2 uint64, to Observer) (uint64, error) {
	if to != nil {
		return x.observe(w, entry, r1, r2, to)
	}
	return x.fast[entry].run(w, r1, r2, nil)
}

// RunTrace implements runtime.Tracer.
func (x *executable) RunTrace(w *runtime.Worker, entry int, r1, r2 uint64, step func(codegen.TraceStep)) (uint64, error) {
	t := &tracer{emit: step}
	ret, err := x.run(w, entry, r1, r2, t)
	t.end()
	return ret, err
}

func (x *executable) observe(w *runtime.Worker, entry int, r1, r2 uint64, to Observer) (uint64, error) {
	p := x.observed[entry]()
	return p.run(w, r1, r2, &observation{observer: to, program: p, state: State{Mem: w.Mem()}})
}

// Enter implements runtime.Executable: a program is known by its number.
func (x *executable) Enter(_ int, id uint64) uint64 { return id }

// Close implements runtime.Executable: nothing but Go memory was acquired.
func (x *executable) Close() {}
