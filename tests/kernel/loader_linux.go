package kernel

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"os"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
	"golang.org/x/sys/unix"
)

// Log levels of BPF_PROG_LOAD (BPF_LOG_LEVEL1, BPF_LOG_LEVEL2 and BPF_LOG_STATS,
// include/linux/bpf_verifier.h, Linux 6.18). Level 4 prints the error and the
// verifier's figures, no step: it costs nothing. Level 1 prints the steps of the
// path that is refused, level 2 those of all paths.
const (
	logPath  = 1
	logSteps = 2
	logStats = 4
)

// Limits of what is loaded for its log alone, and of what is passed on.
const (
	maxTraced   = 50_000 // instructions processed: more would make megabytes of log
	maxLogLines = 200
	maxMessage  = 300 // bytes
)

// loader is the child's side. It keeps the kernel's types, which are expensive to read.
type loader struct {
	types *btf.Cache
	specs map[string]*ebpf.CollectionSpec
}

// giveUp leaves this thread, which is the one that loads programs from now on, CAP_BPF and CAP_NET_ADMIN alone.
func giveUp() error {
	runtime.LockOSThread()
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	for _, c := range []uint{unix.CAP_BPF, unix.CAP_NET_ADMIN} {
		data[c/32].Effective |= 1 << (c % 32)
		data[c/32].Permitted |= 1 << (c % 32)
	}
	return unix.Capset(&header, &data[0])
}

func newLoader() *loader {
	return &loader{btf.NewCache(), map[string]*ebpf.CollectionSpec{}}
}

// outcome is what one BPF_PROG_LOAD gave.
type outcome struct {
	program *ebpf.Program // nil if it was refused; the caller closes it
	err     error         // wraps a unix.Errno if the kernel was asked
	log     []string
}

// load is a way to load the program in question at a log level.
type load func(level uint32) outcome

func (l *loader) answer(q Question) Answer {
	release := exclusive()
	defer release()
	if len(q.Sessions) > 0 {
		a := Answer{Insn: -1, Via: "raw"}
		for i := range q.Sessions {
			a.Sessions = append(a.Sessions, *l.session(&q.Sessions[i]))
		}
		return a
	}
	prepare, via := l.object, "cilium/ebpf"
	if q.Code != nil {
		prepare, via = l.code, "raw"
	}
	again, closer, err := prepare(q)
	if err != nil {
		return Answer{Verdict: Environment, Message: oneLine(err.Error()), Insn: -1, Via: via}
	}
	defer closer()
	a := judge(again, q)
	a.Via = via
	return a
}

// exclusive waits until no other process on the machine uses an oracle; the lock lies on a file that every Linux has.
func exclusive() (release func()) {
	f, err := os.Open("/proc/version")
	if err != nil {
		return func() {}
	}
	_ = unix.Flock(int(f.Fd()), unix.LOCK_EX)
	return func() { _ = f.Close() }
}

// judge loads the program as often as the question asks, and once more if its steps are wanted.
func judge(again load, q Question) Answer {
	first := again(logStats)
	a := first.answer()
	if first.program != nil {
		if q.Run != nil {
			a.Ran = run(first.program, q.Run)
		}
		_ = first.program.Close()
	}
	if a.Verdict == Environment {
		return a
	}
	for n := 1; n < q.Repeat && a.Time < slow; n++ {
		o := again(logStats)
		o.close()
		if _, t := stats(o.log); t > 0 {
			a.Time = min(a.Time, t)
		}
	}
	if level := a.level(q.Log); level != 0 {
		o := again(level | logStats)
		o.close()
		a.steps(o, q.Log)
	}
	return a
}

// level is the log level at which the program is loaded once more, 0 if it need not be.
func (a *Answer) level(wanted bool) uint32 {
	switch {
	case a.Processed > maxTraced:
		return 0
	case a.Verdict == Rejected:
		return logPath
	case wanted:
		return logSteps
	}
	return 0
}

// steps adds what a load at a level with steps says.
func (a *Answer) steps(o outcome, wanted bool) {
	if wanted {
		a.Log = o.log[max(0, len(o.log)-maxLogLines):]
	}
	if a.Verdict != Rejected {
		return
	}
	a.Insn = stoppedAt(o.log)
	var errno unix.Errno
	if !errors.As(o.err, &errno) { // the library recognises in the steps that an adaptation to this kernel failed
		a.Verdict, a.Message = Environment, oneLine(fmt.Sprint(o.err))
	}
}

func (o *outcome) close() {
	if o.program != nil {
		_ = o.program.Close()
	}
}

// answer draws the verdict from an outcome at level logStats.
func (o *outcome) answer() Answer {
	a := Answer{Verdict: Accepted, Insn: -1}
	a.Processed, a.Time = stats(o.log)
	if o.err == nil {
		return a
	}
	said := messages(o.log)
	a.Message = oneLine(strings.Join(said, "; "))
	var errno unix.Errno
	if !errors.As(o.err, &errno) {
		a.Verdict, a.Message = Environment, oneLine(o.err.Error())
		return a
	}
	if a.Message == "" {
		a.Message = errno.Error()
	}
	a.Errno = cmp.Or(unix.ErrnoName(errno), strconv.Itoa(int(errno)))
	a.Verdict = Rejected
	if foreign(errno, said) {
		a.Verdict = Environment
	}
	return a
}

// foreign reports whether an error is about this machine rather than about the
// program: the verifier said nothing (ENOMEM with a message means too many jumps;
// EFAULT that it found itself in error), or an errno that it does not use for
// unsafe programs, or one of the messages below. bpf_check and its callees,
// kernel/bpf/verifier.c, Linux 6.18.
func foreign(errno unix.Errno, said []string) bool {
	const notSupported = unix.Errno(524) // ENOTSUPP
	if errno == unix.E2BIG {
		return false // too long, or too complex
	}
	if len(said) == 0 || slices.Contains([]unix.Errno{unix.EPERM, notSupported, unix.EOPNOTSUPP, unix.ENOSYS, unix.EFAULT, unix.EAGAIN, unix.ENOENT}, errno) {
		return true
	}
	return slices.ContainsFunc(said, func(line string) bool { return aboutMachine.MatchString(line) })
}

// aboutMachine are messages about what a kernel or its configuration lacks, or the types of the maps that were created.
var aboutMachine = regexp.MustCompile(`^(attach_btf|Attach|kernel btf|JIT does not|invalid kernel function btf_id|invalid btf|kernel function btf_id|Tracing programs must provide|.*CONFIG_|.*has to have BTF|.*[Mm]issing .*BTF)`)

// beside are lines that do not say what is wrong: figures, source lines, progress.
var beside = regexp.MustCompile(`^(processed \d+ insns|verification time \d+ usec|stack depth |mark_precise|; |Validating \S+ func#|Func#\d+ \(.*\) is global and assumed valid|arg#\d+ reference type\()`)

// messages are the lines of a log that say what is wrong, the last four.
func messages(log []string) (said []string) {
	for _, line := range log {
		line, _, _ = strings.Cut(strings.TrimSpace(line), "verification time ") // some messages end without a new line
		if line != "" && !beside.MatchString(line) {
			said = append(said, line)
		}
	}
	return said[max(0, len(said)-4):]
}

var (
	processed = regexp.MustCompile(`^processed (\d+) insns`)
	spent     = regexp.MustCompile(`verification time (\d+) usec`)
	step      = regexp.MustCompile(`^(\d+): \([0-9a-f]{2}\) `)
)

// stats reads the verifier's figures; the time is in whole microseconds, at least one.
func stats(log []string) (insns int, t time.Duration) {
	for _, line := range log {
		if m := processed.FindStringSubmatch(line); m != nil {
			insns, _ = strconv.Atoi(m[1])
		}
		if m := spent.FindStringSubmatch(line); m != nil {
			us, _ := strconv.Atoi(m[1])
			t = time.Duration(max(us, 1)) * time.Microsecond
		}
	}
	return insns, t
}

// stoppedAt is the last instruction that a log of steps shows, -1 if it shows none.
func stoppedAt(log []string) int {
	for _, line := range slices.Backward(log) {
		if m := step.FindStringSubmatch(line); m != nil {
			slot, _ := strconv.Atoi(m[1])
			return slot
		}
	}
	return -1
}

func oneLine(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	return s[:min(len(s), maxMessage)]
}

// run runs an accepted program.
func run(p *ebpf.Program, r *Run) *Ran {
	const spare = 256 + 2 // XDP_PACKET_HEADROOM + NET_IP_ALIGN: what programs may add in front
	opts := ebpf.RunOptions{Data: r.Data, Repeat: r.Repeat}
	if len(r.Data) > 0 {
		opts.DataOut = make([]byte, len(r.Data)+spare)
	}
	if len(r.Context) > 0 {
		opts.Context = r.Context
	}
	begin := time.Now()
	ret, err := p.Run(&opts)
	ran := &Ran{Ret: ret, Data: opts.DataOut, Duration: time.Since(begin)}
	if err != nil {
		ran.Err = oneLine(err.Error())
	}
	return ran
}

// Limits of maps. They are far below what a kernel without memory limits would
// allow, and above what the verdict on a program depends on.
const (
	maxEntries  = 4096
	maxMapBytes = 16 << 20
)

// tame makes a map small and private. An error says that it cannot be.
func tame(m *ebpf.MapSpec) error {
	m.Pinning, m.NumaNode, m.Extra = ebpf.PinNone, 0, nil
	if uint64(m.KeySize)+uint64(m.ValueSize) > maxMapBytes {
		return fmt.Errorf("map %q: elements of %d bytes are more than a test should ask of a kernel", m.Name, uint64(m.KeySize)+uint64(m.ValueSize))
	}
	m.MaxEntries = min(m.MaxEntries, entries(m))
	if m.MaxEntries == 0 && !sizeless[m.Type] {
		m.MaxEntries = 1 // left to the loader
	}
	m.Contents = slices.DeleteFunc(slices.Clone(m.Contents), func(kv ebpf.MapKV) bool {
		_, name := kv.Value.(string) // of a program or map
		key, ok := kv.Key.(uint32)
		return name || ok && key >= m.MaxEntries && m.KeySize == 4
	})
	if m.InnerMap != nil {
		return tame(m.InnerMap)
	}
	return nil
}

// entries is the number of entries that a map may have; that of a ring buffer is its size in bytes.
func entries(m *ebpf.MapSpec) uint32 {
	if m.ValueSize == 0 || m.Type == ebpf.RingBuf || m.Type == ebpf.UserRingbuf {
		return maxEntries
	}
	return uint32(max(1, min(maxEntries, maxMapBytes/(uint64(m.KeySize)+uint64(m.ValueSize)), math.MaxUint32)))
}

// sizeless are the kinds whose max_entries is 0: storage in other objects, and what the loader sizes by CPU.
var sizeless = map[ebpf.MapType]bool{
	ebpf.CGroupStorage: true, ebpf.PerCPUCGroupStorage: true, ebpf.SkStorage: true, ebpf.InodeStorage: true,
	ebpf.TaskStorage: true, ebpf.CgroupStorage: true, ebpf.PerfEventArray: true, ebpf.CPUMap: true, ebpf.StructOpsMap: true,
}
