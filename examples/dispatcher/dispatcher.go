package main

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bpfc/bpfc/sdk"
	"github.com/bpfc/bpfc/sdk/builtin"
)

// Dispatcher finds the backend of packets with a program that is made of its
// configuration. It is safe for concurrent use.
type Dispatcher struct {
	backend sdk.Backend
	options sdk.Options
	session sdk.Session // the home of all versions' programs
	current atomic.Pointer[version]
	swap    sync.Mutex // one configuration after the other
}

// version is a configuration and its program.
type version struct {
	config  Config
	program *sdk.Program
	insns   int
	took    time.Duration // from configuration to running
}

// NewDispatcher makes a dispatcher of a configuration. It must be closed.
func NewDispatcher(c Config) (*Dispatcher, error) {
	backend, cpu := chooseBackend()
	d := &Dispatcher{backend: backend, options: sdk.Options{Set: builtin.Base(), CPU: cpu}}
	session, err := backend.(sdk.Runner).Open(context.Background(), sdk.Spec{Set: d.options.Set})
	if err != nil {
		return nil, err
	}
	d.session = session
	v, err := d.newVersion(c)
	if err != nil {
		return nil, errors.Join(err, session.Close())
	}
	d.current.Store(v)
	return d, nil
}

// chooseBackend is machine code where it runs, else the interpreter.
func chooseBackend() (b sdk.Backend, cpu string) {
	if runtime.GOOS == "linux" && runtime.GOARCH == "amd64" {
		return builtin.AMD64(), sdk.HostCPU()
	}
	return builtin.Interp(), ""
}

// newVersion generates, compiles and loads a program.
func (d *Dispatcher) newVersion(c Config) (*version, error) {
	begin := time.Now()
	object, err := Generate(&c)
	if err != nil {
		return nil, err
	}
	artifact, err := sdk.Compile(context.Background(), object, d.backend, d.options)
	if err != nil {
		return nil, err
	}
	programs, err := sdk.LoadInto(context.Background(), d.session, artifact)
	if err != nil {
		return nil, err
	}
	return &version{config: c, program: programs[0], insns: len(object.Programs[0].Insns), took: time.Since(begin)}, nil
}

// Lookup returns the backend of a packet: an Ethernet frame, which nobody changes meanwhile.
func (d *Dispatcher) Lookup(packet []byte) (string, error) {
	for {
		v := d.current.Load()
		n, err := v.program.Run(packet)
		switch {
		case err == nil && n < uint64(len(v.config.Backends)):
			return v.config.Backends[n], nil
		case err == nil:
			return "", fmt.Errorf("backend %d of %d", n, len(v.config.Backends))
		case d.current.Load() == v:
			return "", err
		}
		// The program was replaced between our two steps: its successor answers.
	}
}

// Swap replaces the configuration. Look-ups go on all the time: those that begin
// after Swap has returned see the new one. The old program is freed when no
// look-up runs in it any more, before Swap returns. If there is an error from the
// configuration, the old one stays.
func (d *Dispatcher) Swap(c Config) error {
	d.swap.Lock()
	defer d.swap.Unlock()
	v, err := d.newVersion(c)
	if err != nil {
		return err
	}
	return d.current.Swap(v).program.Close()
}

// Config returns the configuration in use, which must not be changed.
func (d *Dispatcher) Config() Config { return d.current.Load().config }

// Status tells the size of the program in use, and how long it took to make.
func (d *Dispatcher) Status() string {
	v := d.current.Load()
	return fmt.Sprintf("%d rules, %d instructions, from configuration to running in %v", len(v.config.Rules), v.insns, v.took)
}

// Close frees everything. Look-ups fail from then on.
func (d *Dispatcher) Close() error {
	d.swap.Lock()
	defer d.swap.Unlock()
	return d.session.Close()
}
