// Misbehave is a plugin that fails in every way that a host must survive. Its
// first argument chooses how; a table in main says what there is.
package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	goplugin "github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"

	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/codegen"
	"github.com/bpfc/bpfc/sdk/host"
	"github.com/bpfc/bpfc/sdk/plugin"
	"github.com/bpfc/bpfc/tests/plugins/fake"
)

func main() {
	modes := map[string]func(arg string){
		"good":    func(string) { serve(nil, nil) },
		"helpers": func(string) { plugin.ServeHelpers(fake.Set, nil) },
		"compiler": func(string) {
			plugin.ServeBackend(struct{ codegen.Backend }{fake.Backend{}}) // hides Open
		},

		// In Compile, and in Run from the third input on.
		"crash":    both(crash),
		"panic":    both(func() { panic("told to panic") }),
		"hang":     both(sleep),
		"stop":     both(stop),
		"spin":     both(spin),
		"allocate": both(allocate),
		"recurse":  both(func() { recurse(1) }),

		// In a helper.
		"helper": func(arg string) { plugin.ServeHelpers(fake.Calls, habits[arg].implement) },
		"nonsense": func(arg string) {
			plugin.ServeHelpers(func() *abi.Set { s := fake.Calls(); fake.Nonsense[arg](s); return s }, nil)
		},
		"fickle": func(string) {
			n := 0
			plugin.ServeHelpers(func() *abi.Set { s := fake.Calls(); n++; s.Helpers[0].ID += uint32(n); return s }, nil)
		},

		// Once: arg is a file that says that it has happened.
		"crash-once": func(arg string) { serve(func() { once(arg) }, nil) },

		// Before the handshake.
		"not-a-plugin": func(string) { fmt.Println("hello, world") },
		"silent":       func(string) {},
		"noise":        func(string) { fmt.Println("loading the model"); serve(nil, nil) },
		"stop-early":   func(string) { stop() },
		"crash-early":  func(string) { crash() },
		"version":      func(string) { serveVersion2() },

		// Answers.
		"garbage-artifact": func(string) { plugin.ServeBackend(tamperer{}) },
		"big-artifact":     func(string) { plugin.ServeBackend(fake.Backend{CodeSize: 20 << 20}) },
		"stdout":           func(string) { serve(func() { fmt.Println("chatter on standard output") }, nil) },

		// Surroundings.
		"surroundings": func(string) { plugin.ServeBackend(surroundings{}) },
		"child":        func(string) { child(); serve(func() { crash() }, nil) },
		"sleep":        func(string) { sleep() },
		"host":         beHost,
	}
	mode, arg := "good", ""
	if len(os.Args) > 1 {
		mode = os.Args[1]
	}
	if len(os.Args) > 2 {
		arg = os.Args[2]
	}
	f, ok := modes[mode]
	if !ok {
		fmt.Fprintln(os.Stderr, "misbehave: no mode", mode)
		os.Exit(2)
	}
	f(arg)
}

// both does something bad in Compile, or in Run if the argument is "run".
func both(bad func()) func(arg string) {
	return func(arg string) {
		if arg == "run" {
			serve(nil, bad)
			return
		}
		serve(bad, nil)
	}
}

func serve(inCompile, inRun func()) {
	plugin.ServeBackend(&backend{Backend: fake.Backend{}, inCompile: inCompile, inRun: inRun})
}

// backend is the fake back end with bad habits.
type backend struct {
	fake.Backend
	inCompile, inRun func()
}

func (b *backend) Compile(ctx context.Context, u *codegen.Unit, o codegen.Options) (*codegen.Artifact, error) {
	if b.inCompile != nil {
		b.inCompile()
	}
	return b.Backend.Compile(ctx, u, o)
}

func (b *backend) Open(ctx context.Context, s codegen.Spec) (codegen.Session, error) {
	inner, err := b.Backend.Open(ctx, s)
	return &session{Session: inner, inRun: b.inRun}, err
}

type session struct {
	codegen.Session
	inRun func()
	seen  atomic.Int64
}

// goodInputs is how many inputs are processed before the bad habit shows.
const goodInputs = 3

func (s *session) Run(ctx context.Context, p codegen.ProgID, in codegen.Batch) (codegen.Results, error) {
	if s.inRun != nil && s.seen.Add(int64(len(in.Inputs))) > goodInputs {
		s.inRun()
	}
	return s.Session.Run(ctx, p, in)
}

// crash is a death that nothing in the process can prevent.
func crash() {
	_ = syscall.Kill(os.Getpid(), syscall.SIGSEGV)
	sleep()
}

// stop stops the process, which happens some time after Kill returns.
func stop() {
	_ = syscall.Kill(os.Getpid(), syscall.SIGSTOP)
	sleep()
}

func sleep() { time.Sleep(time.Hour) }

func spin() {
	for i := 0; ; i++ {
	}
}

func allocate() {
	var kept [][]byte
	for {
		b := make([]byte, 8<<20)
		for i := 0; i < len(b); i += 4096 {
			b[i] = 1
		}
		kept = append(kept, b)
	}
}

func recurse(n int) int { return recurse(n+1) + 1 }

// once crashes if the file does not exist yet.
func once(file string) {
	f, err := os.OpenFile(file, os.O_CREATE|os.O_EXCL, 0o600)
	if err == nil {
		f.Close()
		crash()
	}
}

// child starts a process that would outlive this one.
func child() {
	if err := exec.Command(os.Args[0], "sleep").Start(); err != nil {
		panic(err)
	}
}

// serveVersion2 serves a protocol that does not exist yet.
func serveVersion2() {
	goplugin.Serve(&goplugin.ServeConfig{
		HandshakeConfig:  goplugin.HandshakeConfig{MagicCookieKey: "BPFC_PLUGIN", MagicCookieValue: "bpfc.plugin.v1"},
		VersionedPlugins: map[int]goplugin.PluginSet{2: {"bpfc": empty{}}},
		GRPCServer:       goplugin.DefaultGRPCServer,
	})
}

type empty struct {
	goplugin.NetRPCUnsupportedPlugin
}

func (empty) GRPCServer(*goplugin.GRPCBroker, *grpc.Server) error { return nil }
func (empty) GRPCClient(context.Context, *goplugin.GRPCBroker, *grpc.ClientConn) (any, error) {
	return nil, nil
}

// tamperer makes artifacts that are broken as the CPU level says.
type tamperer struct{ fake.Backend }

func (t tamperer) Compile(_ context.Context, u *codegen.Unit, o codegen.Options) (*codegen.Artifact, error) {
	a := fake.Artifact(u, o, 0)
	breaks := map[string]func(){
		"entry":    func() { a.Entries[1].Offset = 17 },
		"entries":  func() { a.Entries = a.Entries[:1] },
		"name":     func() { a.Entries[0].Name = "other" },
		"target":   func() { a.Target = "other" },
		"symbol":   func() { a.Symbols[0].Size = 0xffffffff },
		"reloc":    func() { a.Relocs[0].Index = 1 },
		"kind":     func() { a.Relocs[0].Kind = 200 },
		"exit":     func() { a.Exits[0].Prog = 2 },
		"rule":     func() { a.Exits[0].Rule = 99 },
		"line":     func() { a.Lines[0].Prog = -7 },
		"data":     func() { a.Data[0].Relocs[0].Offset = 9 },
		"map":      func() { a.Maps[0].Inner = 2 },
		"digest":   func() {},
		"artifact": func() { a = &codegen.Artifact{} },
	}
	breaks[o.CPU]()
	a.Seal()
	if o.CPU == "digest" {
		a.Code[3]++
	}
	return a, nil
}

// surroundings answers Compile with what the plugin sees around it, in an error.
type surroundings struct{ fake.Backend }

func (surroundings) Compile(context.Context, *codegen.Unit, codegen.Options) (*codegen.Artifact, error) {
	env := os.Environ()
	slices.Sort(env)
	stdin, err := os.Readlink("/proc/self/fd/0")
	if err != nil {
		stdin = err.Error()
	}
	return nil, fmt.Errorf("stdin=%s pgid=%d pid=%d\n%s", stdin, syscall.Getpgrp(), os.Getpid(), strings.Join(env, "\n"))
}

// beHost is a host that opens itself as a plugin in mode "good", or as arg says,
// prints the plugin's process number and waits to be killed.
func beHost(arg string) {
	self, err := os.Executable()
	if err != nil {
		panic(err)
	}
	p, err := host.Start(context.Background(), host.Ref{Name: "bpfc-backend-fake", Path: self, Args: strings.Fields(arg)},
		host.Options{TempDir: os.Getenv("BPFC_TEST_TEMP")})
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println("ready")
	_, err = p.Backend().Compile(context.Background(), fake.Unit(), codegen.Options{})
	fmt.Println("compiled", err)
	sleep()
}

// habit is what a helper does when its argument is fake.Misbehave.
type habit func(c codegen.Call) uint64

var habits = map[string]habit{
	"crash":   func(codegen.Call) uint64 { crash(); return 0 },
	"panic":   func(codegen.Call) uint64 { panic("told to panic") },
	"hang":    func(codegen.Call) uint64 { sleep(); return 0 },
	"stop":    func(codegen.Call) uint64 { stop(); return 0 },
	"garbage": func(codegen.Call) uint64 { return 1 << 40 },
	"end":     func(c codegen.Call) uint64 { c.End(1); return 0 },
}

// implement is a set with the habit.
func (h habit) implement(codegen.Home) (codegen.Implementation, error) {
	return codegen.Implementation{Helpers: map[string]codegen.GoHelper{
		"fake/call": func(c codegen.Call, r1, _, _, _, _ uint64) uint64 {
			if r1 == fake.Misbehave {
				return h(c)
			}
			return r1 + 1
		},
	}}, nil
}
