package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bpfc/bpfc/core"
	"github.com/bpfc/bpfc/core/verifier"
	"github.com/bpfc/bpfc/frontends/elf"
	"github.com/spf13/cobra"
)

// app is one run of bpfc: its streams, the shared flags and the plugins it has started.
type app struct {
	in            io.Reader
	out, messages io.Writer
	stdinRead     atomic.Bool
	shared
	plugins plugins

	kernel    sync.Once // of --btf
	types     *elf.Types
	kernelErr error
}

// shared are the flags that every command has.
type shared struct {
	pluginDir string
	trust     []string
	helpers   []string
	typ       string
	progs     []string
	policy    string
	btf       string
	config    []string
	points    []string
	cpu       string
	features  []string
	timeout   time.Duration
	logLevel  string
	verbose   bool
	quiet     bool
	color     string
}

var colors = []string{"auto", "always", "never"}

// logLevels are those of hclog.
var logLevels = []string{"trace", "debug", "info", "warn", "error", "off"}

// root makes the command tree.
func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:           "bpfc",
		Short:         "Compile, verify and run BPF programs in user space",
		SilenceUsage:  true,
		SilenceErrors: true,
		Version:       version(),
		Args:          cobra.NoArgs,
		RunE:          func(c *cobra.Command, _ []string) error { return c.Help() },
		PersistentPreRunE: func(c *cobra.Command, _ []string) error {
			return a.checkShared()
		},
	}
	a.sharedFlags(root)
	root.SetIn(a.in)
	root.SetOut(a.out)
	root.SetErr(a.messages)
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return usage("%v; see `%s --help`", err, c.CommandPath())
	})
	root.CompletionOptions.HiddenDefaultCmd = false
	root.AddCommand(
		a.compileCommand(), a.verifyCommand(), a.runCommand(), a.benchCommand(), a.disasmCommand(), a.asmCommand(),
		a.inspectCommand(), a.explainCommand(), a.conformanceCommand(), a.pluginCommand(), a.doctorCommand(), a.versionCommand(),
	)
	root.SetVersionTemplate(versionLine())
	strictArguments(root)
	return root
}

// strictArguments makes cobra's own commands refuse what they do not know, as ours do.
func strictArguments(root *cobra.Command) {
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	for _, c := range root.Commands() {
		switch c.Name() {
		case "help":
			c.Args = func(_ *cobra.Command, args []string) error {
				if found, left, err := root.Find(args); err != nil || len(left) > 0 {
					return usage("there is no command %q; see `%s --help`", strings.Join(args, " "), found.CommandPath())
				}
				return nil
			}
		case "completion":
			c.Args = cobra.NoArgs
			c.RunE = func(c *cobra.Command, _ []string) error { return c.Help() }
		}
	}
}

func (a *app) sharedFlags(root *cobra.Command) {
	f := root.PersistentFlags()
	f.StringVar(&a.pluginDir, "plugin-dir", "", "look for plugins in `DIR` first")
	f.StringSliceVar(&a.trust, "trust", nil, "`NAMES` of plugins that may bring machine code and need no pin in "+lockFile)
	f.StringSliceVar(&a.helpers, "helpers", []string{"base", "networking", "tracing"}, "helper `SETS` that programs may use")
	f.StringVar(&a.typ, "type", "", "program `TYPE`, instead of the one that the section names")
	f.StringSliceVar(&a.progs, "prog", nil, "`NAMES` of the programs to use")
	f.StringVar(&a.policy, "policy", "strict", "what happens to what is not proved: `strict|guard`; strict,no-leaks adds the rules for users without privileges")
	f.StringVar(&a.btf, "btf", "", "types of the kernel that CO-RE relocations are solved for, a `FILE`: raw BTF or ELF")
	f.StringArrayVar(&a.points, "tracepoint", nil, "a `TRACEPOINT` whose record programs may read, and no more: its format file (events/GROUP/NAME/format of tracefs), or its NAME in the types of --btf, NAME=CLASS if it shares its record")
	f.StringArrayVar(&a.config, "kconfig", nil, "`NAME=VALUE` of a kernel's configuration, for .kconfig externs")
	f.StringVar(&a.cpu, "cpu", "", "CPU `LEVEL`: x86-64, x86-64-v2, x86-64-v3, native")
	f.StringSliceVar(&a.features, "feature", nil, "`NAMES` of what the back end is to do on demand, of those that plugin info lists")
	f.DurationVar(&a.timeout, "timeout", 2*time.Minute, "limit of the whole command, 0 for none")
	f.StringVar(&a.logLevel, "log-level", "error", "`LEVEL` of plugins' logs: "+strings.Join(logLevels, ", "))
	f.BoolVarP(&a.verbose, "verbose", "v", false, "say more")
	f.BoolVarP(&a.quiet, "quiet", "q", false, "no warnings")
	f.StringVar(&a.color, "color", "auto", "colour in messages: `auto|always|never`")
}

func (a *app) checkShared() error {
	if !slices.Contains(colors, a.color) {
		return usage("--color is %q: it is one of %s", a.color, strings.Join(colors, ", "))
	}
	if !slices.Contains(logLevels, a.logLevel) {
		return usage("--log-level is %q: it is one of %s", a.logLevel, strings.Join(logLevels, ", "))
	}
	if _, _, err := parsePolicy(a.policy); err != nil {
		return usage("--policy: %v", err)
	}
	if a.timeout < 0 {
		return usage("--timeout is %v: it is a duration such as 10s, or 0 for none", a.timeout)
	}
	_, err := a.kernelConfig()
	return err
}

// options are the compiler's options as the shared flags say.
func (a *app) options() core.Options {
	policy, noLeaks, _ := parsePolicy(a.policy) // checkShared has refused others
	return core.Options{Policy: policy, NoLeaks: noLeaks, CPU: a.cpu, Features: a.features, Programs: a.progs, Type: a.typ, Dump: a.dump()}
}

// parsePolicy reads --policy: strict, guard, or strict with more rules.
func parsePolicy(text string) (policy verifier.Policy, noLeaks bool, err error) {
	name, more, found := strings.Cut(text, ",")
	if policy, err = verifier.ParsePolicy(name); err != nil {
		return policy, false, err
	}
	if found && (more != "no-leaks" || policy != verifier.Strict) {
		return policy, false, fmt.Errorf("unknown policy %q: it is strict, guard or strict,no-leaks", text)
	}
	return policy, found, nil
}

// stopping reports to the verifier that a command has been interrupted or has run out of time.
func stopping(ctx context.Context) func() bool { return func() bool { return ctx.Err() != nil } }

// within is the command's context with the limit of --timeout.
func (a *app) within(ctx context.Context) (context.Context, context.CancelFunc) {
	if a.timeout == 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeoutCause(ctx, a.timeout, &timeoutError{a.timeout})
}

// timeoutError is the end of a command by --timeout.
type timeoutError struct{ limit time.Duration }

func (e *timeoutError) Error() string {
	return fmt.Sprintf("it took longer than --timeout %v", e.limit)
}

func (*timeoutError) Unwrap() error { return context.DeadlineExceeded }

// note writes a line to standard error, unless -q.
func (a *app) note(format string, args ...any) {
	if !a.quiet {
		fmt.Fprintf(a.messages, "bpfc: "+format+"\n", args...)
	}
}

// report writes an error to standard error and returns its exit code.
func (a *app) report(err error) exitCode {
	code := codeOf(err)
	for _, e := range flatten(err) {
		if _, quiet := errors.AsType[silent](e); quiet {
			continue
		}
		text := e.Error()
		if a.verbose {
			text = fmt.Sprintf("%+v", e)
		}
		fmt.Fprintln(a.messages, a.paint("bpfc: ")+text)
	}
	return code
}

// flatten lists the errors that are joined in err.
func flatten(err error) []error {
	if err == nil {
		return nil
	}
	many, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return []error{err}
	}
	var all []error
	for _, e := range many.Unwrap() {
		all = append(all, flatten(e)...)
	}
	return all
}

// exactly is cobra.ExactArgs with this program's exit code; arguments after -- are clang's.
func exactly(n int, what string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if own, _ := split(c, args); len(own) != n {
			return usage("%s takes %s, not %d arguments; see `%s --help`", c.CommandPath(), what, len(own), c.CommandPath())
		}
		return nil
	}
}

// split divides arguments at --.
func split(c *cobra.Command, args []string) (own, afterDash []string) {
	if at := c.ArgsLenAtDash(); at >= 0 {
		return args[:at], args[at:]
	}
	return args, nil
}
