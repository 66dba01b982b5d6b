package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"

	"github.com/bpfc/bpfc/frontends/elf"
	bpfcruntime "github.com/bpfc/bpfc/runtime"
	"github.com/bpfc/bpfc/sdk"
	"github.com/bpfc/bpfc/sdk/builtin"
	"github.com/bpfc/bpfc/sdk/host"
	"github.com/spf13/cobra"
)

// finding is a line of doctor.
type finding struct {
	Check  string `json:"check"`
	OK     bool   `json:"ok"`
	Text   string `json:"text"`
	Advice string `json:"advice,omitempty"` // what to do, if not OK
}

func good(check, format string, args ...any) finding {
	return finding{Check: check, OK: true, Text: fmt.Sprintf(format, args...)}
}

func warn(check, text, advice string) finding {
	return finding{Check: check, Text: text, Advice: advice}
}

func (a *app) doctorCommand() *cobra.Command {
	var format string
	c := &cobra.Command{
		Use:   "doctor",
		Short: "Look at what bpfc needs on this machine, and say what to do",
		Args:  exactly(0, "no argument"),
		RunE: func(c *cobra.Command, _ []string) error {
			if err := checkFormat(format, "text", "json"); err != nil {
				return err
			}
			ctx, cancel := a.within(c.Context())
			defer cancel()
			findings := a.examine(ctx)
			if format == "json" {
				return writeJSON(a.out, struct {
					Schema string    `json:"schema"`
					Checks []finding `json:"checks"`
				}{"bpfc/doctor/v1", findings})
			}
			return printFindings(a.out, findings)
		},
	}
	c.Flags().StringVar(&format, "format", "text", "`text|json`")
	return c
}

func printFindings(w io.Writer, findings []finding) error {
	for _, f := range findings {
		mark, text := "ok  ", f.Text
		if !f.OK {
			mark, text = "warn", f.Text+"; "+f.Advice
		}
		if _, err := fmt.Fprintf(w, "%s  %-14s %s\n", mark, f.Check, text); err != nil {
			return err
		}
	}
	return nil
}

func (a *app) examine(ctx context.Context) []finding {
	findings := []finding{examineCPU(), examineMemory(ctx), examineClang(ctx), examineBPF()}
	return append(findings, a.examinePlugins(ctx)...)
}

func examineCPU() finding {
	if runtime.GOARCH != "amd64" {
		return warn("cpu", runtime.GOARCH+" runs no amd64 code", "the interpreter runs programs; objects for x86-64 can be compiled")
	}
	return good("cpu", "%s, level %s", runtime.GOARCH, bpfcruntime.HostCPU())
}

// examineMemory runs a program of the native back end: that needs executable memory.
func examineMemory(ctx context.Context) finding {
	const check = "exec memory"
	if !nativeHost() {
		return warn(check, "not used on "+runtime.GOOS+"/"+runtime.GOARCH, "the interpreter runs programs")
	}
	if err := runNative(ctx); err != nil {
		return warn(check, err.Error(), "allow executable memory (SELinux execmem, seccomp filters of mprotect), or use --backend interp")
	}
	return good(check, "a native program runs")
}

// runNative compiles the shortest program and runs it in this process.
func runNative(ctx context.Context) error {
	o, err := builtin.ReadObject(ctx, "doctor.s", []byte("r0 = 42\nexit\n"), builtin.ReadOptions{})
	if err != nil {
		return err
	}
	p, err := sdk.Load(ctx, o, builtin.AMD64(), sdk.Options{Set: builtin.Base(), Policy: sdk.Guard, Type: "mem"})
	if err != nil {
		return err
	}
	defer p.Close()
	got, err := p.Run(nil)
	if err == nil && got != 42 {
		err = fmt.Errorf("a native program returned %d, not 42", got)
	}
	return err
}

func examineClang(ctx context.Context) finding {
	const check = "clang"
	path, err := elf.Clang{Path: os.Getenv("BPFC_CLANG")}.Find()
	if err != nil {
		return warn(check, "not found", "install it (apt install clang) to compile C, or set BPFC_CLANG; objects need none")
	}
	out, err := exec.CommandContext(ctx, path, "--print-targets").Output()
	if err == nil && !strings.Contains(string(out), "bpf") {
		return warn(check, path+" has no target bpf", "install clang of llvm.org or of a distribution, or set BPFC_CLANG")
	}
	return good(check, "%s", path)
}

// examineBPF says whether programs could also be tried in the kernel.
func examineBPF() finding {
	const check, advice = "bpf()", "bpfc runs programs in user space and does not need it"
	if runtime.GOOS != "linux" {
		return warn(check, "there is none on "+runtime.GOOS, advice)
	}
	if err := tryBPF(); err != nil {
		return warn(check, "not permitted: "+err.Error(), advice)
	}
	return good(check, "permitted")
}

// examinePlugins starts every plugin.
func (a *app) examinePlugins(ctx context.Context) []finding {
	all, err := a.listPlugins()
	if err != nil {
		return []finding{warn("plugins", err.Error(), "correct --plugin-dir or BPFC_PLUGIN_PATH")}
	}
	findings := make([]finding, len(all))
	starts := make([]func() error, len(all))
	for i, p := range all {
		starts[i] = func() error {
			findings[i] = a.examinePlugin(ctx, p)
			return nil
		}
	}
	if err := parallel(starts...); err != nil {
		return []finding{warn("plugins", err.Error(), "report this")}
	}
	return findings
}

func (a *app) examinePlugin(ctx context.Context, p pluginJSON) finding {
	ref, err := a.anyRef(p.Path)
	if p.Builtin {
		ref, err = a.anyRef(p.Name)
	}
	if err == nil {
		var started *host.Plugin
		if started, err = host.Start(ctx, ref, a.hostOptions()); err == nil {
			defer started.Close()
		}
	}
	where := p.Path
	if p.Builtin {
		where = "built in"
	}
	if err != nil {
		return warn("plugin", err.Error(), "remove or replace "+where)
	}
	return good("plugin", "%s (%s), sha256 %s…", p.Name, where, p.SHA256[:12])
}
