package kernel_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpfc/bpfc/tests/kernel"
)

// What the comparison must show, of the programs that the kernel accepts.
const (
	leastAccepted   = 0.97
	mostUnsupported = 0.03
)

// fewest is the number of comparable programs below which the shares mean nothing.
const fewest = 100

// reportVariable names a file for the whole comparison, as JSON.
const reportVariable = "BPFC_KERNEL_REPORT"

// What Linux accepts, we accept; what it rejects, we accept only if it is listed in accepted.txt with the reason.
func TestVerdictsAgree(t *testing.T) {
	if testing.Short() {
		t.Skip("takes the kernel half a minute")
	}
	v, err := kernel.New()
	require.NoError(t, err)
	if !v.Strict() && os.Getenv(reportVariable) == "" {
		t.Skip("policy strict is not in this version: the verdict on every program would be `unsupported`")
	}
	o := kernel.Need(t)
	opts := kernel.Options{Repeat: 1}
	if os.Getenv(reportVariable) != "" {
		opts.Repeat = 3
	}
	var rows []kernel.Row
	for _, path := range objects(t) {
		r, err := o.Compare(path, v, opts)
		if err != nil {
			t.Logf("not compared: %v", err)
		}
		rows = append(rows, r...)
	}
	var text strings.Builder
	kernel.Print(&text, rows)
	t.Log(text.String())
	report(t, rows)
	if !v.Strict() {
		t.Skip("policy strict is not in this version: only the report is made")
	}
	judge(t, rows)
}

// judge holds the comparison against what it must show.
func judge(t *testing.T, rows []kernel.Row) {
	for i := range rows {
		require.NotEqual(t, kernel.Lost, rows[i].Kernel.Verdict, "%s %s: %s", rows[i].Object, rows[i].Program, rows[i].Kernel.Message)
	}
	n := kernel.Tally(rows)
	accepts := n[kernel.BothAccept] + n[kernel.WeReject] + n[kernel.WeCannot]
	require.GreaterOrEqual(t, accepts, fewest, "programs that the kernel accepts")
	require.GreaterOrEqual(t, float64(n[kernel.BothAccept])/float64(accepts), leastAccepted, "accepted, of %d that the kernel accepts", accepts)
	require.LessOrEqual(t, float64(n[kernel.WeCannot])/float64(accepts), mostUnsupported, "unsupported, of %d that the kernel accepts", accepts)
	require.Empty(t, unexplained(rows, exceptions(t)), "programs that the kernel rejects, we accept, and accepted.txt does not list")
}

// unexplained is what accepted.txt lacks, as its lines but for the reason.
func unexplained(rows []kernel.Row, listed []exception) (lines []string) {
	for i := range rows {
		r := &rows[i]
		if r.Class == kernel.WeAccept && !slices.Contains(listed, exception{r.Name(), r.Program, r.Kernel.Errno}) {
			lines = append(lines, strings.Join([]string{r.Name(), r.Program, r.Kernel.Errno, r.Kernel.Message, ""}, "\t"))
		}
	}
	return lines
}

func TestUnexplained(t *testing.T) {
	row := kernel.Row{Object: "corpus/beyond/a.o", Program: "f", Class: kernel.WeAccept, Kernel: kernel.Answer{Errno: "EACCES", Message: "no"}}
	agreed := row
	agreed.Class = kernel.BothReject
	require.Equal(t, []string{"beyond/a.o\tf\tEACCES\tno\t"}, unexplained([]kernel.Row{row, agreed}, nil))
	require.Empty(t, unexplained([]kernel.Row{row}, []exception{{"beyond/a.o", "f", "EACCES"}}))
}

// exception is a program that the kernel rejects and we accept.
type exception struct{ object, program, errno string }

// exceptions reads accepted.txt: lines of object, program, errno, the kernel's message and our reason, with tabs between them.
func exceptions(t *testing.T) (list []exception) {
	f, err := os.Open("accepted.txt")
	require.NoError(t, err)
	defer func() { _ = f.Close() }()
	for s := bufio.NewScanner(f); s.Scan(); {
		if strings.HasPrefix(s.Text(), "#") || s.Text() == "" {
			continue
		}
		fields := strings.Split(s.Text(), "\t")
		require.Len(t, fields, 5, "accepted.txt: %s", s.Text())
		require.NotContains(t, fields, "", "accepted.txt: %s", s.Text())
		list = append(list, exception{fields[0], fields[1], fields[2]})
	}
	return list
}

// The list is readable wherever the tests run.
func TestExceptionsAreComplete(t *testing.T) { exceptions(t) }

// objects are the object files that are compared: the examples, the corpus, and those that are in the module cilium/ebpf.
func objects(t *testing.T) (paths []string) {
	library, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/cilium/ebpf").Output()
	require.NoError(t, err)
	for _, place := range []struct{ dir, suffix string }{
		{"../../examples", ".o"}, {"../corpus", ".o"},
		{strings.TrimSpace(string(library)), "-el.elf"}, {strings.TrimSpace(string(library)), "_bpfel.o"},
	} {
		err := filepath.WalkDir(place.dir, func(path string, d fs.DirEntry, err error) error {
			if err == nil && !d.IsDir() && strings.HasSuffix(path, place.suffix) {
				paths = append(paths, path)
			}
			return err
		})
		if !errors.Is(err, fs.ErrNotExist) {
			require.NoError(t, err)
		}
	}
	slices.Sort(paths)
	return paths
}

// report writes the rows to the file that the environment names.
func report(t *testing.T, rows []kernel.Row) {
	path := os.Getenv(reportVariable)
	if path == "" {
		return
	}
	tally := map[string]int{}
	for c, n := range kernel.Tally(rows) {
		tally[string(c)] = n
	}
	b, err := json.MarshalIndent(map[string]any{"schema": "bpfc/kernel/v1", "tally": tally, "programs": rows}, "", " ")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, append(b, '\n'), 0o644))
	t.Log(fmt.Sprintf("%d programs reported in %s", len(rows), path))
}
