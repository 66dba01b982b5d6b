// Oracle prints, for each program of object files, the running kernel's verdict
// and ours side by side. It needs the permission to load programs.
//
//	go run ./tests/kernel/cmd/oracle [-log] [-q] [-repeat N] [-section NAME] IN... [PROGRAM]
//
// IN is an object file, C source or assembly; assembly has no sections, so
// that -section says what it is: `-section xdp prog.s`.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/bpfc/bpfc/frontends/elf"
	"github.com/bpfc/bpfc/tests/kernel"
)

func main() {
	kernel.Child()
	opts := kernel.Options{}
	flag.BoolVar(&opts.Log, "log", false, "print the end of the kernel's log of steps")
	flag.IntVar(&opts.Repeat, "repeat", 3, "verify `N` times; the least time counts")
	flag.StringVar(&opts.Section, "section", "", "take all programs as if they were in the section `NAME`")
	quiet := flag.Bool("q", false, "only the table of differences")
	flag.Usage = func() {
		fmt.Fprintln(flag.CommandLine.Output(), "usage: oracle [flags] IN... [PROGRAM]")
		flag.PrintDefaults()
	}
	flag.Parse()
	if flag.NArg() == 0 {
		flag.Usage()
		os.Exit(2)
	}
	paths := flag.Args()
	if last := paths[len(paths)-1]; len(paths) > 1 && !exists(last) {
		paths, opts.Program = paths[:len(paths)-1], last
	}
	if err := compare(paths, opts, *quiet); err != nil {
		fmt.Fprintln(os.Stderr, "oracle:", err)
		os.Exit(1)
	}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func compare(paths []string, opts kernel.Options, quiet bool) error {
	v, err := kernel.New()
	if err != nil {
		return err
	}
	o, err := kernel.Open()
	if err != nil {
		return err
	}
	defer func() { _ = o.Close() }()
	dir, err := os.MkdirTemp("", "oracle")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	var all []kernel.Row
	for _, path := range paths {
		if filepath.Ext(path) == ".c" {
			if path, err = compile(path, dir); err != nil {
				return err
			}
		}
		rows, err := o.Compare(path, v, opts)
		if err != nil {
			fmt.Fprintln(os.Stderr, "oracle:", err)
		}
		for i := range rows {
			if !quiet {
				show(&rows[i])
			}
		}
		all = append(all, rows...)
	}
	kernel.Print(os.Stdout, all)
	return nil
}

// compile makes an object file of C source.
func compile(path, dir string) (string, error) {
	b, err := elf.Clang{Stderr: os.Stderr}.Compile(context.Background(), path, nil)
	if err != nil {
		return "", err
	}
	out := filepath.Join(dir, filepath.Base(path)+".o")
	return out, os.WriteFile(out, b, 0o644)
}

// show prints both verdicts on a program.
func show(r *kernel.Row) {
	fmt.Printf("%s %s (%s): %s\n", r.Object, r.Program, r.Section, r.Class)
	k, o := &r.Kernel, &r.Ours
	fmt.Printf("  kernel %-11s %9v  %d insns processed, via %s", k.Verdict, k.Time, k.Processed, k.Via)
	said(k.Errno, k.Insn, k.Message)
	fmt.Printf("  ours   %-11s %9v ", o.Verdict, o.Time.Round(time.Microsecond))
	said(o.Code, o.Insn, o.Message)
	for _, line := range k.Log {
		fmt.Println("    |", line)
	}
}

func said(code string, insn int, message string) {
	if message != "" {
		fmt.Printf(" [%s]", code)
		if insn >= 0 {
			fmt.Printf(" insn %d", insn)
		}
		fmt.Printf(": %s", message)
	}
	fmt.Println()
}
