package bench

import (
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bpfc/bpfc/core/isa"
)

// build builds the command as it is released, and returns its file.
func build(b testing.TB) string {
	path := filepath.Join(b.TempDir(), "bpfc")
	out, err := exec.Command("go", "build", "-ldflags=-s -w", "-trimpath", "-o", path, "../../cmd/bpfc").CombinedOutput()
	require.NoError(b, err, "%s", out)
	return path
}

// BenchmarkCommand is the command line with its plugin processes: the wall time
// of compiling a small object, the memory of compiling a large one, and the size of the file.
func BenchmarkCommand(b *testing.B) {
	bpfc := build(b)
	b.Run("size", func(b *testing.B) {
		for b.Loop() {
		}
		info, err := os.Stat(bpfc)
		require.NoError(b, err)
		b.ReportMetric(0, "ns/op")
		b.ReportMetric(float64(info.Size())/1e6, "MB")
	})
	b.Run("compile", func(b *testing.B) { compileSmall(b, bpfc) })
	b.Run("memory", func(b *testing.B) { compileLarge(b, bpfc) })
}

func compileSmall(b *testing.B, bpfc string) {
	out := filepath.Join(b.TempDir(), "out.o")
	var ms []float64
	var cpu time.Duration // of bpfc and its plugins
	for b.Loop() {
		begin := time.Now()
		cmd := exec.Command(bpfc, "compile", "-o", out, "../../examples/tcpport/tcpport.o")
		text, err := cmd.CombinedOutput()
		require.NoError(b, err, "%s", text)
		ms = append(ms, float64(time.Since(begin))/float64(time.Millisecond))
		cpu += cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	}
	slices.Sort(ms)
	b.ReportMetric(float64(cpu.Microseconds())/1000/float64(len(ms)), "cpu-ms")
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(ms[len(ms)/2], "median-ms")
	b.ReportMetric(ms[0], "min-ms")
}

// large is a program of n instructions: loads, arithmetic, branches, stores.
func large(b *testing.B, n int) []byte {
	p := []isa.Insn{isa.Mov64Imm(isa.R0, 0)}
	for i := 0; len(p) < n-1; i++ {
		p = append(p,
			isa.LoadMem(isa.R2, isa.R1, int16(i%56), 4), isa.Add.Reg(isa.R0, isa.R2),
			isa.NE.Imm(isa.R2, int32(i), 1), isa.Xor.Imm(isa.R0, 0x55),
			isa.StoreMem(isa.R10, int16(-8*(1+i%8)), isa.R0, 8))
	}
	code, err := isa.Encode(append(p, isa.Return()))
	require.NoError(b, err)
	return code
}

// compileLarge reports the peak of resident memory of bpfc and of its plugins, added up.
func compileLarge(b *testing.B, bpfc string) {
	dir := b.TempDir()
	in := filepath.Join(dir, "large.bin")
	require.NoError(b, os.WriteFile(in, large(b, 10_000), 0o600))
	most := 0.0
	for b.Loop() {
		cmd := exec.Command(bpfc, "compile", "--policy", "guard", "--type", "mem/64", "-o", filepath.Join(dir, "out.o"), in)
		cmd.Stderr = os.Stderr
		require.NoError(b, cmd.Start())
		peaks := watch(cmd.Process.Pid)
		require.NoError(b, cmd.Wait())
		sum := 0.0
		for _, kB := range <-peaks {
			sum += kB / 1e3
		}
		most = math.Max(most, sum)
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(most, "MB")
}

// watch follows a process and its children until it ends. The result is the
// last VmHWM of each, in kilobytes: what a process used within a millisecond of
// its end may be missing.
func watch(pid int) <-chan map[int]float64 {
	done := make(chan map[int]float64, 1)
	go func() {
		peaks := map[int]float64{}
		for look(pid, peaks) {
			time.Sleep(500 * time.Microsecond)
		}
		done <- peaks
	}()
	return done
}

// look notes the peaks of the process and its children. It reports false if there is no such process.
func look(pid int, peaks map[int]float64) bool {
	kB := status(pid, "VmHWM")
	if kB == 0 {
		return false
	}
	peaks[pid] = math.Max(peaks[pid], kB)
	lists, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, list := range lists {
		text, _ := os.ReadFile(list)
		for _, child := range strings.Fields(string(text)) {
			if n, err := strconv.Atoi(child); err == nil {
				look(n, peaks)
			}
		}
	}
	return true
}

// status is a field of /proc/PID/status in kilobytes, 0 if it is not there.
func status(pid int, field string) float64 {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	_, after, ok := strings.Cut(string(text), "\n"+field+":")
	if !ok {
		return 0
	}
	var kB float64
	_, _ = fmt.Sscan(after, &kB)
	return kB
}
