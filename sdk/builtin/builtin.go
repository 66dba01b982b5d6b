// Package builtin links bpfc's own back ends, helper sets and front ends into
// the program that imports it: no child process is started.
package builtin

import (
	"context"

	"github.com/bpfc/bpfc/backends/amd64"
	"github.com/bpfc/bpfc/backends/interp"
	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/codegen"
	"github.com/bpfc/bpfc/plugins/helpers/base"
	"github.com/bpfc/bpfc/plugins/helpers/conformance"
	"github.com/bpfc/bpfc/plugins/helpers/networking"
	"github.com/bpfc/bpfc/plugins/helpers/tracing"
)

// AMD64 is the back end for x86-64. Its artifacts run on linux/amd64. Sessions have the helpers of the built-in sets.
func AMD64() codegen.Backend { return withSets{amd64.New()} }

// Interp is the interpreter, which runs everywhere. Sessions have the helpers of the built-in sets.
func Interp() codegen.Backend { return withSets{interp.New()} }

// withSets is a back end in whose sessions the helpers of the built-in sets run.
type withSets struct{ engine }

// engine is a back end that runs its artifacts.
type engine interface {
	codegen.Backend
	codegen.Runner
}

// Open opens a session: see codegen.Runner.
func (b withSets) Open(ctx context.Context, s codegen.Spec) (codegen.Session, error) {
	return b.engine.Open(ctx, implemented(s))
}

// implemented is a spec with the implementations of the built-in sets.
func implemented(s codegen.Spec) codegen.Spec {
	s.Sets = append([]codegen.Open{base.Implement, networking.Implement, tracing.Implement}, s.Sets...)
	return s
}

// OpenNative opens a session in this process for amd64 machine code of any back end, which the caller trusts: see
// sdk.OpenNative. It has the helpers of the built-in sets.
func OpenNative(ctx context.Context, s codegen.Spec) (codegen.Session, error) {
	return amd64.New().Open(ctx, implemented(s))
}

// Base is the helper set with programs of type mem, and with what the sets of the kernel's types share.
func Base() *abi.Set { return base.Set() }

// Networking is the helper set of Linux's network stack; it is used together with Base.
func Networking() *abi.Set { return networking.Set() }

// Tracing is the helper set of programs that watch a kernel or a process; it is used together with Base.
func Tracing() *abi.Set { return tracing.Set() }

// Linux is Base, Networking and Tracing merged: every program type and helper of Linux that bpfc knows.
func Linux() *abi.Set {
	s, err := abi.Merge(Base(), Networking(), Tracing())
	if err != nil {
		panic("builtin: the built-in sets do not fit together: " + err.Error())
	}
	return s
}

// Conformance is the helper set of the public bpf_conformance suite.
func Conformance() *abi.Set { return conformance.Set() }

// Backends returns the names of the built-in back ends, the default first.
func Backends() []string { return names(backends) }

// Backend returns the built-in back end called name.
func Backend(name string) (codegen.Backend, bool) { return find(backends, name) }

// Sets returns the names of the built-in helper sets, the default first.
func Sets() []string { return names(sets) }

// Set returns the built-in helper set called name. The caller owns it.
func Set(name string) (*abi.Set, bool) { return find(sets, name) }

type row[T any] struct {
	name string
	make func() T
}

var (
	backends = []row[codegen.Backend]{{"amd64", AMD64}, {"interp", Interp}}
	sets     = []row[*abi.Set]{{"base", Base}, {"networking", Networking}, {"tracing", Tracing}, {"conformance", Conformance}}
)

func names[T any](table []row[T]) []string {
	var all []string
	for _, r := range table {
		all = append(all, r.name)
	}
	return all
}

func find[T any](table []row[T], name string) (t T, ok bool) {
	for _, r := range table {
		if r.name == name {
			return r.make(), true
		}
	}
	return t, false
}
