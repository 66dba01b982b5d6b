package main

import (
	"context"
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
	v, err := newVersion(c)
	if err != nil {
		return nil, err
	}
	d := &Dispatcher{}
	d.current.Store(v)
	return d, nil
}

// newVersion generates, compiles and loads a program.
func newVersion(c Config) (*version, error) {
	begin := time.Now()
	object, err := Generate(&c)
	if err != nil {
		return nil, err
	}
	backend, cpu := chooseBackend()
	p, err := sdk.Load(context.Background(), object, backend, sdk.Options{Set: builtin.Base(), Policy: sdk.Guard, CPU: cpu})
	if err != nil {
		return nil, err
	}
	return &version{config: c, program: p, insns: len(object.Programs[0].Insns), took: time.Since(begin)}, nil
}

// chooseBackend is machine code where it runs, else the interpreter.
func chooseBackend() (b sdk.Backend, cpu string) {
	if runtime.GOOS == "linux" && runtime.GOARCH == "amd64" {
		return builtin.AMD64(), sdk.HostCPU()
	}
	return builtin.Interp(), ""
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
		// The program was closed between our two steps: its successor answers.
	}
}

// Swap replaces the configuration. Look-ups go on all the time: those that begin
// after Swap has returned see the new one. The old program is freed when no
// look-up runs in it any more, before Swap returns. If there is an error from the
// configuration, the old one stays.
func (d *Dispatcher) Swap(c Config) error {
	d.swap.Lock()
	defer d.swap.Unlock()
	v, err := newVersion(c)
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

// Close frees the program. Look-ups fail from then on.
func (d *Dispatcher) Close() error {
	d.swap.Lock()
	defer d.swap.Unlock()
	return d.current.Load().program.Close()
}
