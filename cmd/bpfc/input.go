package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/obj"
	"github.com/bpfc/bpfc/frontends/elf"
	"github.com/bpfc/bpfc/sdk/builtin"
)

// maxInput is the largest input in bytes: four times a program of a million
// instructions in hex, more than any object that a kernel loads.
const maxInput = 64 << 20

// readBytes reads the input called name, "-" for standard input. Waiting for a
// pipe or a terminal ends with ctx.
func (a *app) readBytes(ctx context.Context, name string) ([]byte, error) {
	type content struct {
		b   []byte
		err error
	}
	done := make(chan content, 1)
	go func() {
		b, err := a.readAll(name)
		done <- content{b, err}
	}()
	select {
	case c := <-done:
		return c.b, c.err
	case <-ctx.Done():
		return nil, fmt.Errorf("%s was not read to its end: %w", title(name), context.Cause(ctx))
	}
}

// title is the name of an input in messages.
func title(name string) string {
	if name == "-" {
		return "<stdin>"
	}
	return name
}

func (a *app) readAll(name string) ([]byte, error) {
	in := a.in
	if name == "-" {
		if a.stdinRead.Swap(true) {
			return nil, usage("standard input is named twice: it can be read once")
		}
	} else {
		f, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		in = f
	}
	b, err := io.ReadAll(io.LimitReader(in, maxInput+1))
	if err != nil {
		return nil, err
	}
	if len(b) > maxInput {
		return nil, usage("%s is larger than %d MiB", name, maxInput>>20)
	}
	return b, nil
}

// readObject reads a program of any kind. A program without a section, as raw
// bytecode is, is one of type mem.
func (a *app) readObject(ctx context.Context, name string, f *inputFlags, clangFlags []string) (*obj.Object, error) {
	in, err := a.load(ctx, name, f)
	if err != nil {
		return nil, err
	}
	return a.object(ctx, in, clangFlags)
}

// object reads the programs of what was loaded.
func (a *app) object(ctx context.Context, in loaded, clangFlags []string) (*obj.Object, error) {
	if err := checkMeaning(in, clangFlags); err != nil {
		return nil, err
	}
	kernel, err := a.kernelTypes()
	if err != nil {
		return nil, err
	}
	config, err := a.kernelConfig()
	if err != nil {
		return nil, err
	}
	options := in.options
	options.Clang, options.ClangFlags, options.Messages = os.Getenv("BPFC_CLANG"), clangFlags, a.messages
	options.Kernel, options.Config = kernel, config
	o, err := builtin.ReadObject(ctx, in.name, in.content, options)
	if err != nil {
		return nil, err
	}
	for i := range o.Programs {
		if p := &o.Programs[i]; p.Section == "" && p.Type == "" {
			p.Type = "mem"
		}
	}
	return o, nil
}

// kernelTypes reads the file of --btf, once; nil without the flag.
func (a *app) kernelTypes() (*elf.Types, error) {
	if a.btf == "" {
		return nil, nil
	}
	a.kernel.Do(func() {
		f, err := os.Open(a.btf)
		if err != nil {
			a.kernelErr = usage("--btf: %v", err)
			return
		}
		defer f.Close()
		if a.types, err = elf.LoadTypes(a.btf, f); err != nil {
			a.kernelErr = usage("--btf: %v", err)
		}
	})
	return a.types, a.kernelErr
}

// tracepoints are the sets that --tracepoint asks for.
func (a *app) tracepoints() (sets []*abi.Set, err error) {
	for _, name := range a.points {
		set, err := a.tracepoint(name)
		if err != nil {
			return nil, usage("--tracepoint %s: %v", name, err)
		}
		sets = append(sets, set)
	}
	return sets, nil
}

// tracepoint is the set for a format file, or for a tracepoint in the types of --btf.
func (a *app) tracepoint(name string) (*abi.Set, error) {
	types, err := a.kernelTypes()
	if err != nil {
		return nil, err
	}
	text, err := a.readAll(name)
	switch {
	case err == nil:
		return builtin.Tracepoint(string(text))
	case types == nil || strings.ContainsRune(name, os.PathSeparator):
		return nil, fmt.Errorf("%w; a name without a file needs --btf", err)
	}
	event, class, ok := strings.Cut(name, "=")
	if !ok {
		class = event
	}
	return builtin.TracepointOf(types, event, class)
}

// kernelConfig are the values of --kconfig by name.
func (a *app) kernelConfig() (map[string]string, error) {
	values := map[string]string{}
	for _, text := range a.config {
		name, value, ok := strings.Cut(text, "=")
		if !ok || name == "" || value == "" {
			return nil, usage("--kconfig is %q: it is NAME=VALUE, such as CONFIG_HZ=250", text)
		}
		values[name] = value
	}
	return values, nil
}

// checkMeaning refuses flags that mean nothing for an input of this kind.
func checkMeaning(in loaded, clangFlags []string) error {
	switch {
	case len(clangFlags) > 0 && in.kind != builtin.KindC:
		return usage("%s is %s: flags after -- are for clang, which compiles C", in.name, in.kind)
	case in.options.Dialect != "" && in.kind != builtin.KindAsm && in.kind != builtin.KindClassic:
		return usage("%s is %s: a dialect is one of assembly, or of classic filters", in.name, in.kind)
	case in.options.Form != "" && in.kind != builtin.KindClassic:
		return usage("%s is %s: a form is one of classic filters", in.name, in.kind)
	}
	return nil
}

// readHex reads a program in hex from standard input.
func (a *app) readHex(ctx context.Context) (*obj.Object, error) {
	b, err := a.readBytes(ctx, "-")
	if err != nil {
		return nil, err
	}
	return builtin.ReadObject(ctx, "<stdin>.hex", b, builtin.ReadOptions{})
}

// wanted returns the programs that --prog names, all that are not off without it.
func (a *app) wanted(o *obj.Object) ([]*obj.Program, error) {
	var some []*obj.Program
	for _, name := range a.progs {
		p := program(o, name)
		if p == nil {
			return nil, usage("%s has no program %q; it has %s", o.Name, name, programNames(o))
		}
		some = append(some, p)
	}
	for i := range o.Programs {
		if len(a.progs) == 0 && !o.Programs[i].Off {
			some = append(some, &o.Programs[i])
		}
	}
	if len(some) == 0 {
		return nil, usage("%s has no program that is not switched off (section ?…); name one with --prog: %s", o.Name, programNames(o))
	}
	return some, nil
}

// one returns the one program to run. If there are several and no --prog, the error lists them.
func (a *app) one(o *obj.Object) (*obj.Program, error) {
	some, err := a.wanted(o)
	if err != nil {
		return nil, err
	}
	if len(some) > 1 {
		return nil, usage("%s has several programs; choose one with --prog: %s", o.Name, programNames(o))
	}
	return some[0], nil
}

func program(o *obj.Object, name string) *obj.Program {
	for i := range o.Programs {
		if o.Programs[i].Name == name {
			return &o.Programs[i]
		}
	}
	return nil
}

func programNames(o *obj.Object) string {
	var names []string
	for _, p := range o.Programs {
		names = append(names, p.Name)
	}
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}
