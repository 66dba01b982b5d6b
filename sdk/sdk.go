// Package sdk compiles, verifies and runs BPF programs inside a Go program.
//
// What reads inputs and what makes code is chosen by the caller: package
// sdk/builtin links bpfc's own front ends, back ends and helper sets; package
// sdk/host starts them, or those of third parties, as plugins in processes of
// their own. Both give the same types. This package needs neither, and no gRPC.
//
//	object, err := builtin.ReadFile(ctx, "filter.o", builtin.ReadOptions{})
//	p, err := sdk.Load(ctx, object, builtin.AMD64(), sdk.Options{Set: builtin.Base()})
//	defer p.Close()
//	result, err := p.Run(packet)
//
// To test programs that were written for the kernel, see LoadCollection, and examples/firewall.
package sdk

import (
	"context"
	"encoding/json"
	"fmt"
	"runtime"

	"github.com/bpfc/bpfc/core"
)

// Version is the version of bpfc.
const Version = "0.1.0"

// Options of Compile, Verify and Load. Set is required.
type Options struct {
	// Set declares the program types and helpers that programs may rely on; see MergeSets.
	Set *Set
	// Policy is Strict, which is the zero value, or Guard.
	Policy Policy
	// NoLeaks adds the rules for programs of users without privileges: addresses do not leave a program.
	NoLeaks bool
	// Log, if set, gets a line for every step of the verifier.
	Log func(line string)
	// Stop, if set, is asked now and then by Verify, which ends when it returns true; Compile and Load obey their context.
	Stop func() bool
	// Opt is the optimisation level.
	Opt int
	// CPU is the level to generate code for: "" is the target's lowest; see HostCPU.
	CPU string
	// Features are what the back end is to do on demand: those that its Target lists, else an *UnsupportedError.
	Features []string
	// Object asks Compile for C entries as well, for WriteObject.
	Object bool
	// Programs are the names of those wanted; empty means all that are not off by default.
	Programs []string
	// Type is the program type of all, such as "mem/64"; "" takes each one's own.
	Type string
	// CPUs is the number of workers of Load: as many runs go on at the same time. 0 is GOMAXPROCS.
	CPUs int
	// Helpers are the Go helpers of the set by name, for Load.
	Helpers map[string]GoHelper
	// Sets are the implementations of whole sets, for Load, beside those of the built-in sets.
	Sets []OpenSet
	// Env is the environment in which helpers run, by part: "clock", "tasks", "routes", … Each part is what
	// encoding/json makes the set's description of it from; docs/ENVIRONMENT.md has them. What is not given
	// has fixed values, so that a run gives the same every time.
	Env map[string]any
	// Cover, if set, counts the source lines that runs execute, of programs loaded with the interpreter. Runs are much
	// slower then. Of a batch that repeats its inputs, the last run of each counts.
	Cover *Coverage
}

func (o *Options) core() core.Options {
	return core.Options{Policy: o.Policy, NoLeaks: o.NoLeaks, Log: o.Log, Stop: o.Stop, Opt: o.Opt, CPU: o.CPU, Features: o.Features, Object: o.Object, Programs: o.Programs, Type: o.Type}
}

// spec is what a session for the options gets.
func (o *Options) spec() (Spec, error) {
	s := Spec{CPUs: o.CPUs, Set: o.set(), Helpers: o.Helpers, Sets: o.Sets, Env: map[string][]byte{}}
	if s.CPUs == 0 {
		s.CPUs = runtime.GOMAXPROCS(0)
	}
	for part, v := range o.Env {
		b, err := json.Marshal(v)
		if err != nil {
			return s, fmt.Errorf("environment: %s: %w", part, err)
		}
		s.Env[part] = b
	}
	return s, nil
}

func (o *Options) set() *Set {
	if o.Set == nil {
		return &Set{}
	}
	return o.Set
}

// Compile verifies and compiles the wanted programs of an object to one
// artifact. The first program that is not accepted is the error, a
// *VerifyError. Compile does not modify the object and is safe for concurrent use.
func Compile(ctx context.Context, o *Object, b Backend, opts Options) (*Artifact, error) {
	return core.Compile(ctx, o, opts.set(), b, opts.core())
}

// Verify reports on each wanted program: a report's Err is nil if it is accepted.
func Verify(o *Object, opts Options) ([]ProgramReport, error) {
	return core.Verify(o, opts.set(), opts.core())
}
