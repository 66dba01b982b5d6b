// Oracle prints, for each program of object files, the running kernel's verdict
// and ours side by side. It needs the permission to load programs.
//
//	go run ./tests/kernel/cmd/oracle [-log] [-repeat N] [-q] OBJ... [-prog NAME]
package main

import (
	"flag"
	"fmt"
	"os"
	"time"

	"github.com/bpfc/bpfc/tests/kernel"
)

func main() {
	kernel.Child()
	opts := kernel.Options{}
	flag.BoolVar(&opts.Log, "log", false, "print the end of the kernel's log of steps")
	flag.IntVar(&opts.Repeat, "repeat", 3, "verify `N` times; the least time counts")
	flag.StringVar(&opts.Program, "prog", "", "only the program called `NAME`")
	quiet := flag.Bool("q", false, "only the table of differences")
	flag.Usage = func() {
		fmt.Fprintln(flag.CommandLine.Output(), "usage: oracle [flags] OBJ...")
		flag.PrintDefaults()
	}
	flag.Parse()
	if flag.NArg() == 0 {
		flag.Usage()
		os.Exit(2)
	}
	if err := compare(flag.Args(), opts, *quiet); err != nil {
		fmt.Fprintln(os.Stderr, "oracle:", err)
		os.Exit(1)
	}
}

func compare(paths []string, opts kernel.Options, quiet bool) error {
	set, err := kernel.Sets()
	if err != nil {
		return err
	}
	o, err := kernel.Open()
	if err != nil {
		return err
	}
	defer func() { _ = o.Close() }()
	var all []kernel.Row
	for _, path := range paths {
		rows, err := o.Compare(path, set, opts)
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
