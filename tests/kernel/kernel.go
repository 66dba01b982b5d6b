// Package kernel asks the verifier of the running kernel what it thinks of a
// program, so that tests can compare it with ours. It is for tests alone.
//
// Programs are loaded in a child process, which is the test's own binary
// started again, one at a time and with a time limit; nothing is attached or
// pinned, and every map is small. What would harm the kernel is refused
// before it is loaded (see Gate).
package kernel

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/obj"
	"github.com/bpfc/bpfc/tests/kernel/alive"
)

// Verdict is what became of a load.
type Verdict string

// The verdicts. Only the first two are the kernel's opinion of the program.
const (
	Accepted Verdict = "accepted"
	// Rejected: the verifier refuses the program.
	Rejected Verdict = "rejected"
	// Environment: the program never came before the verifier, or could not be judged on this
	// machine: a missing permission, kernel function, type or option; a map that cannot be created; the gate.
	Environment Verdict = "environment"
	// Lost: the child died or exceeded the time limit.
	Lost Verdict = "lost"
)

// Question names one program: Program of the ELF object file Object, or Code.
type Question struct {
	Object  string `json:",omitempty"` // path
	Program string `json:",omitempty"` // name of the entry function
	Code    *Code  `json:",omitempty"`
	// Log asks for the verifier's steps: those of the path that it refuses, or of all paths if it accepts.
	// They are left out of the answer if there are more than 50,000.
	Log bool `json:",omitempty"`
	// Repeat is the number of loads of which the fastest is reported; 0 means 1. Slow programs are loaded once.
	Repeat int `json:",omitempty"`
	// Run asks for a run of the program if it is accepted.
	Run *Run `json:",omitempty"`
	// Sessions, if there are any, are all that is asked: the answer is Answer.Sessions.
	Sessions []Session `json:",omitempty"`
}

// Code is a program as bytecode, with the maps that it refers to.
type Code struct {
	Name string
	// Type and Attach are the numbers of enum bpf_prog_type and enum bpf_attach_type (include/uapi/linux/bpf.h).
	Type, Attach uint32
	Flags        uint32 // prog_flags of BPF_PROG_LOAD
	License      string // "" means GPL
	Insns        []byte // little-endian, as RFC 9669 encodes them
	Maps         []Map
	Refs         []MapRef
	Kfuncs       []Kfunc
	// Funcs are the functions, ascending by slot from 0: needed if there is more than one.
	Funcs []Func
}

// Map is a map to create. Nothing of it outlives the load.
type Map struct {
	abi.MapSpec
	// Value is the value of key 0, nil to leave it zero. ReadOnly maps cannot be written by anybody then.
	Value    []byte
	ReadOnly bool
}

// MapRef is an lddw at Slot whose immediate is to be the descriptor of Maps[Map].
type MapRef struct{ Slot, Map int }

// Kfunc is a call at Slot of the kernel's function Name, which gets its number where the program is loaded.
type Kfunc struct {
	Slot int
	Name string
}

// Func is a function of a Code. The kernel verifies global ones alone, by the types of Params.
type Func struct {
	Name   string
	Slot   int
	Global bool
	Params []obj.Param
}

// Run is a test run of an accepted program (BPF_PROG_TEST_RUN), which the
// kernel has for socket filters, tc, xdp, cgroup_skb, flow_dissector, raw_tp
// and syscall programs.
type Run struct {
	Data    []byte // a packet has 14 bytes at least
	Context []byte // for types that take one
	Repeat  uint32
}

// Answer is the kernel's.
type Answer struct {
	Verdict Verdict
	// Errno is the name of what BPF_PROG_LOAD returned, "" if nothing was loaded.
	Errno string
	// Message is what the verifier said, in one line, or why there is no verdict.
	Message string
	// Insn is the slot at which the verifier stopped, -1 if it does not say.
	Insn int
	// Log are the last lines of the log, if the question asked for it.
	Log []string
	// Processed and Time are the verifier's own figures (log level 4, which prints these figures alone).
	Processed int
	Time      time.Duration
	// Via says who loaded the program: "cilium/ebpf", with CO-RE and BTF, or "raw", from our own front end's output.
	Via      string
	Ran      *Ran
	Sessions []SessionAnswer `json:",omitempty"`
}

// Ran is the outcome of a Run.
type Ran struct {
	Ret      uint32
	Data     []byte // the packet after the run
	Context  []byte // the context after the run, of a Session's runs
	Duration time.Duration
	Err      string // why there was no run, "" if there was
}

// Timeout limits one answer. The kernel needs less than a second for a million instructions.
const Timeout = 60 * time.Second

// sessionsTimeout limits the answer to sessions: others may use the kernel first.
const sessionsTimeout = 10 * time.Minute

// slow is the time from which one measurement is enough: what disturbs it is small in comparison.
const slow = 20 * time.Millisecond

// Oracle is the running kernel's verifier behind a child process. It is safe
// for concurrent use and answers one question at a time.
type Oracle struct {
	mu      sync.Mutex
	child   *child
	limited bool
}

// Open starts the child. The program that calls it must call Child, or Main, first.
func Open() (*Oracle, error) { return open(&Oracle{}) }

// OpenLimited is Open for a user who may load programs, but not see addresses: the child has CAP_BPF and
// CAP_NET_ADMIN and no other capability. The rules are those of policy strict,no-leaks (allow_ptr_leaks and
// allow_uninit_stack are CAP_PERFMON's, bpf_check, kernel/bpf/verifier.c, Linux 6.18), and those about speculation.
func OpenLimited() (*Oracle, error) { return open(&Oracle{limited: true}) }

func open(o *Oracle) (*Oracle, error) {
	if err := alive.Err(); err != nil {
		return nil, err
	}
	a := o.Ask(probe())
	if a.Verdict != Accepted {
		_ = o.Close()
		return nil, fmt.Errorf("the kernel loads no programs for this process: %s", a.text())
	}
	return o, nil
}

// probe is the shortest program of a type that needs the permission to load programs: r0 = 0; exit.
func probe() Question {
	const schedCls = 3
	return Question{Code: &Code{Name: "probe", Type: schedCls, Insns: []byte{0xb7, 0, 0, 0, 0, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0}}}
}

// text is one line.
func (a *Answer) text() string {
	if a.Errno == "" {
		return a.Message
	}
	return a.Errno + ": " + a.Message
}

// Need returns an oracle that ends with the test, or skips the test and says why.
func Need(t testing.TB) *Oracle { return need(t, Open) }

// NeedLimited is Need for OpenLimited.
func NeedLimited(t testing.TB) *Oracle { return need(t, OpenLimited) }

func need(t testing.TB, open func() (*Oracle, error)) *Oracle {
	t.Helper()
	o, err := open()
	if err != nil {
		t.Skipf("compares with the running kernel: %v", err)
	}
	t.Cleanup(func() { _ = o.Close() })
	return o
}

// Ask returns the kernel's answer. A child that died, or needed too long, is replaced at the next question.
func (o *Oracle) Ask(q Question) Answer {
	o.mu.Lock()
	defer o.mu.Unlock()
	if a, refused := q.gated(); refused {
		return a
	}
	if o.child == nil {
		c, err := start(o.limited)
		if err != nil {
			return Answer{Verdict: Environment, Message: err.Error(), Insn: -1}
		}
		o.child = c
	}
	limit := Timeout
	if len(q.Sessions) > 0 {
		limit = sessionsTimeout
	}
	a, err := o.child.ask(q, limit)
	if err != nil {
		o.child.kill()
		o.child = nil
		return Answer{Verdict: Lost, Message: err.Error(), Insn: -1}
	}
	return a
}

// gated refuses bytecode that the gate does not let through.
func (q *Question) gated() (Answer, bool) {
	for _, c := range q.codes() {
		if err := Gate(c.Insns); err != nil {
			return Answer{Verdict: Environment, Message: err.Error(), Insn: -1}, true
		}
	}
	return Answer{}, false
}

// codes are the programs that the question brings along.
func (q *Question) codes() (all []*Code) {
	if q.Code != nil {
		all = append(all, q.Code)
	}
	for _, s := range q.Sessions {
		for i := range s.Programs {
			all = append(all, &s.Programs[i])
		}
	}
	return all
}

// Close ends the child.
func (o *Oracle) Close() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.child == nil {
		return nil
	}
	err := o.child.close()
	o.child = nil
	return err
}

// childVariable is set in the environment of a child, to limited if it gives up its capabilities.
const (
	childVariable = "BPFC_KERNEL_CHILD"
	limited       = "limited"
)

// Main is for TestMain: it serves if this process is a child, and runs the tests otherwise.
func Main(m *testing.M) {
	Child()
	os.Exit(m.Run())
}

// Child serves and does not return if this process was started as a child.
func Child() {
	kind := os.Getenv(childVariable)
	if kind == "" {
		return
	}
	if kind == limited {
		if err := giveUp(); err != nil {
			fmt.Fprintln(os.Stderr, "kernel oracle:", err)
			os.Exit(1)
		}
	}
	if err := serve(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "kernel oracle:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// serve answers questions until the input ends.
func serve(r io.Reader, w io.Writer) error {
	in, out := json.NewDecoder(r), json.NewEncoder(w)
	l := newLoader()
	for {
		var q Question
		if err := in.Decode(&q); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		if err := out.Encode(l.answer(q)); err != nil {
			return err
		}
	}
}

// child is the process that loads programs.
type child struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *json.Decoder
}

func start(less bool) (*child, error) {
	exe, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), childVariable+"=1")
	if less {
		cmd.Env = append(os.Environ(), childVariable+"="+limited)
	}
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return &child{cmd, in, json.NewDecoder(out)}, nil
}

// ask sends one question. The child is not usable after an error.
func (c *child) ask(q Question, limit time.Duration) (a Answer, err error) {
	expired := time.AfterFunc(limit, func() { _ = c.cmd.Process.Kill() })
	if err = json.NewEncoder(c.in).Encode(q); err == nil {
		err = c.out.Decode(&a)
	}
	if !expired.Stop() {
		return a, fmt.Errorf("no answer within %v", limit)
	}
	if err != nil {
		return a, fmt.Errorf("the process that loads programs died: %w", err)
	}
	return a, nil
}

// kill does not wait: a child whose kernel does not answer cannot be killed.
func (c *child) kill() {
	_ = c.cmd.Process.Kill()
	go func() { _ = c.cmd.Wait() }()
}

func (c *child) close() error {
	_ = c.in.Close()
	return c.cmd.Wait()
}
