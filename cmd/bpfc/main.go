// Command bpfc compiles, verifies and runs BPF programs in user space.
//
// Results go to standard output, all else to standard error. Exit codes are in
// exit.go. Built-in back ends and helper sets run in processes of their own:
// this same binary, started as `bpfc plugin serve`.
package main

import (
	"context"
	"errors"
	"io"
	"os"
	"os/signal"
	"slices"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), endings()...)
	code := execute(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(int(code))
}

// endings are the signals that end a command in good order: those of Ctrl-C, of
// kill and of a terminal that is closed, but not one that nohup or a shell has
// switched off.
func endings() []os.Signal {
	return slices.DeleteFunc([]os.Signal{os.Interrupt, syscall.SIGTERM, syscall.SIGHUP}, signal.Ignored)
}

// execute runs one command line to its end and returns its exit code. Every
// plugin that it started has ended when it returns.
func execute(ctx context.Context, args []string, in io.Reader, out, messages io.Writer) (code exitCode) {
	results := &output{Writer: out}
	a := &app{in: in, out: results, messages: messages}
	defer func() {
		if p := recover(); p != nil {
			code = a.report(bug(p))
		}
	}()
	defer a.close()
	root := a.root()
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if errors.Is(err, context.Canceled) && ctx.Err() != nil {
		err = fail(exitFault, "interrupted")
	}
	if results.err != nil && !errors.Is(err, results.err) {
		err = errors.Join(err, results.err)
	}
	return a.report(err)
}
