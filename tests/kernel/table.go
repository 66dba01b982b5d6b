package kernel

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/bpfc/bpfc/core/verifier"
)

// Tally is the number of rows of each class.
func Tally(rows []Row) map[Class]int { return count(rows, func(r *Row) Class { return r.Class }) }

func count[K comparable](rows []Row, key func(*Row) K) map[K]int {
	n := map[K]int{}
	for i := range rows {
		n[key(&rows[i])]++
	}
	return n
}

// Print writes the summary and, by class, every row on which the two differ or
// that could not be compared, and how often each of our reasons is given.
func Print(w io.Writer, rows []Row) {
	n := Tally(rows)
	fmt.Fprintf(w, "%d programs\n", len(rows))
	for _, c := range Classes() {
		fmt.Fprintf(w, "%6d  %s\n", n[c], c)
	}
	printTimes(w, rows)
	fmt.Fprintln(w, "slowest of ours:")
	printSlowest(w, rows)
	for _, c := range []Class{WeReject, WeCannot, WeAccept, NotComparable} {
		if n[c] > 0 {
			fmt.Fprintf(w, "\n%s:\n", strings.ToUpper(string(c)))
			printClass(w, rows, c)
		}
	}
}

// printClass writes the rows of a class, and first how often each reason is given.
func printClass(w io.Writer, rows []Row, c Class) {
	rows = slices.DeleteFunc(slices.Clone(rows), func(r Row) bool { return r.Class != c })
	if c == WeReject || c == WeCannot {
		reasons := count(rows, (*Row).reason)
		byNumber := func(a, b string) int { return cmp.Or(reasons[b]-reasons[a], strings.Compare(a, b)) }
		for _, reason := range slices.SortedFunc(maps.Keys(reasons), byNumber) {
			fmt.Fprintf(w, "%6d  %s\n", reasons[reason], reason)
		}
		fmt.Fprintln(w)
	}
	for i := range rows {
		fmt.Fprintln(w, rows[i].text())
	}
}

// particular is what differs between messages that say the same: names in quotes, numbers, registers.
var particular = regexp.MustCompile(`"[^"]*"|\b[rR]?-?(0x[0-9a-f]+|[0-9]+)\b`)

// reason is our code and message without what is particular to the program.
func (r *Row) reason() string {
	return r.Ours.Code + " " + particular.ReplaceAllString(r.Ours.Message, "…")
}

// printTimes writes the verification times of both sides, over the programs that both accept.
func printTimes(w io.Writer, rows []Row) {
	var kernel, ours []time.Duration
	for i := range rows {
		if rows[i].Class == BothAccept {
			kernel, ours = append(kernel, rows[i].Kernel.Time), append(ours, rows[i].Ours.Time)
		}
	}
	if len(ours) == 0 {
		return
	}
	fmt.Fprintf(w, "time: median, 95 %%, worst of those that both accept\n")
	for _, side := range []struct {
		name  string
		times []time.Duration
	}{{"kernel", kernel}, {"ours", ours}} {
		slices.Sort(side.times)
		at := func(share float64) time.Duration {
			return side.times[int(share*float64(len(side.times)-1))].Round(time.Microsecond)
		}
		fmt.Fprintf(w, "%8s %10v %10v %10v\n", side.name, at(0.5), at(0.95), at(1))
	}
}

// slowest is the number of programs that printSlowest names.
const slowest = 5

// printSlowest names the programs that take us longest, whatever the verdict.
func printSlowest(w io.Writer, rows []Row) {
	byTime := slices.SortedStableFunc(slices.Values(rows), func(a, b Row) int { return cmp.Compare(b.Ours.Time, a.Ours.Time) })
	for _, r := range byTime[:min(slowest, len(byTime))] {
		fmt.Fprintf(w, "  %v, kernel %v: %s %s (%s)\n", r.Ours.Time.Round(time.Microsecond), r.Kernel.Time, r.Name(), r.Program, r.Ours.Verdict)
	}
}

// text is one line: the program and what the side says that did not accept it.
func (r *Row) text() string {
	name := fmt.Sprintf("  %s %s (%s):", r.Name(), r.Program, r.Section)
	switch r.Class {
	case WeReject, WeCannot:
		return fmt.Sprintf("%s [%s]%s %s", name, r.Ours.Code, at(r.Ours.Insn), r.Ours.Message)
	}
	line := fmt.Sprintf("%s %s%s %s", name, r.Kernel.Errno, at(r.Kernel.Insn), r.Kernel.Message)
	if r.Ours.Verdict == verifier.Accept {
		line += "; we accept"
	}
	return line
}

// at names an instruction, if there is one.
func at(insn int) string {
	if insn < 0 {
		return ""
	}
	return fmt.Sprintf(" insn %d:", insn)
}
