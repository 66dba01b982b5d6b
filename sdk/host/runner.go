package host

import (
	"context"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"
)

// runner starts the plugin's process and ends it; it is the process's side of
// go-plugin's interface runner.Runner, which reads its output and logs it.
type runner struct {
	options Options
	cmd     *exec.Cmd

	stdout, stderr *recorder
	exited         chan struct{} // closed when the process is gone
	state          *os.ProcessState

	mu  sync.Mutex
	pid int // 0 before the start and after the end: never a reused number
}

// newRunner prepares the process. It sees /dev/null as its input (cmd.Stdin is
// nil), so it cannot take away what the user types for the host.
func newRunner(ref Ref, o Options) *runner {
	cmd := exec.Command(ref.Path, ref.Args...)
	cmd.SysProcAttr = processAttributes()
	return &runner{
		options: o,
		cmd:     cmd,
		stdout:  newRecorder(isHandshake),
		stderr:  newRecorder(isDeathCry),
		exited:  make(chan struct{}),
	}
}

// isHandshake recognises go-plugin's line "1|1|unix|/path|grpc|…".
func isHandshake(line string) bool {
	f := strings.Split(line, "|")
	return len(f) >= 4 && (f[2] == "unix" || f[2] == "tcp")
}

// isDeathCry recognises how a Go program says why it dies.
func isDeathCry(line string) bool {
	for _, cry := range []string{"panic: ", "fatal error: ", "SIGSEGV: ", "SIGBUS: ", "SIGILL: ", "SIGFPE: "} {
		if strings.HasPrefix(line, cry) {
			return true
		}
	}
	return false
}

// Start starts the process and returns when it runs.
func (r *runner) Start(context.Context) error {
	started := make(chan error)
	go r.live(started)
	return <-started
}

// live starts the process, waits for its end and buries it. All this happens on
// one thread that does nothing else: the kernel kills the child when the
// *thread* that made it ends (prctl(2), PR_SET_PDEATHSIG).
func (r *runner) live(started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := r.spawn(); err != nil {
		close(r.exited)
		started <- err
		return
	}
	r.setPID(r.cmd.Process.Pid)
	if err := setLimits(r.cmd.Process.Pid, r.options); err != nil {
		r.options.Logger.Warn("the plugin runs without limits", "plugin", r.cmd.Path, "error", err)
	}
	started <- nil
	r.bury()
	r.state = r.cmd.ProcessState
	close(r.exited)
	r.drain()
}

// spawn starts the process with its output connected to the recorders.
func (r *runner) spawn() error {
	outR, outW, err := os.Pipe()
	if err != nil {
		return err
	}
	defer outW.Close()
	errR, errW, err := os.Pipe()
	if err != nil {
		outR.Close()
		return err
	}
	defer errW.Close()
	r.stdout.f, r.stderr.f = outR, errR
	r.cmd.Stdout, r.cmd.Stderr = outW, errW
	if err := r.cmd.Start(); err != nil {
		r.closeOutput()
		return err
	}
	return nil
}

// drainTime is how long the output of a process that has ended is still read: a
// child that escaped its group may hold the pipe for ever.
const drainTime = time.Second

func (r *runner) drain() {
	timer := time.NewTimer(drainTime)
	defer timer.Stop()
	for _, rec := range []*recorder{r.stdout, r.stderr} {
		select {
		case <-rec.eof:
		case <-timer.C:
		}
	}
	r.closeOutput()
}

func (r *runner) closeOutput() {
	r.stdout.Close()
	r.stderr.Close()
}

func (r *runner) setPID(pid int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.pid = pid
}

// killGroup kills the process and all that it has started, if it has not been buried.
func (r *runner) killGroup() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.pid != 0 {
		killProcessGroup(r.pid)
	}
}

// overTime reports whether an ended process was killed at its limit of processor
// time. The kernel enforces it by sampling and reports something smaller.
func (r *runner) overTime(limit time.Duration) bool {
	status, ok := r.state.Sys().(syscall.WaitStatus)
	used := r.state.UserTime() + r.state.SystemTime()
	return ok && status.Signaled() && status.Signal() == syscall.SIGKILL && used >= limit/100*80
}

// noHandshakeTime is how long a program that gave no handshake lives on: to end
// by itself, which tells more, or to give it after all, behind other output.
const noHandshakeTime = 200 * time.Millisecond

// Kill ends the process; go-plugin calls it when start or shutdown fail.
func (r *runner) Kill(context.Context) error {
	if _, handshake := r.stdout.text(); handshake == "" {
		select {
		case <-r.stdout.matched:
		case <-r.exited:
		case <-time.After(noHandshakeTime):
		}
	}
	r.killGroup()
	return nil
}

// Wait returns when the process has ended; how is for the caller of the plugin to report.
func (r *runner) Wait(context.Context) error {
	<-r.exited
	return nil
}

func (r *runner) Stdout() io.ReadCloser           { return r.stdout }
func (r *runner) Stderr() io.ReadCloser           { return r.stderr }
func (r *runner) Name() string                    { return r.cmd.Path }
func (r *runner) ID() string                      { return r.cmd.Path }
func (r *runner) Diagnose(context.Context) string { return "" }

func (r *runner) PluginToHost(network, addr string) (string, string, error) {
	return network, addr, nil
}

func (r *runner) HostToPlugin(network, addr string) (string, string, error) {
	return network, addr, nil
}

// recorder passes a stream on and remembers its first line and the first one
// that matches.
type recorder struct {
	f       *os.File
	match   func(string) bool
	matched chan struct{} // closed at a match
	eof     chan struct{} // closed at the end

	mu           sync.Mutex
	line         []byte
	first, found string
	lines        int
	ended        bool
}

func newRecorder(match func(string) bool) *recorder {
	return &recorder{match: match, matched: make(chan struct{}), eof: make(chan struct{})}
}

// Read reads from the stream.
func (r *recorder) Read(p []byte) (int, error) {
	n, err := r.f.Read(p)
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range p[:n] {
		r.add(c)
	}
	if err != nil && !r.ended {
		r.endLine()
		r.ended = true
		close(r.eof)
	}
	return n, err
}

// maxLine bounds what is remembered of a line, in bytes.
const maxLine = 400

func (r *recorder) add(c byte) {
	switch {
	case c == '\n':
		r.endLine()
	case len(r.line) < maxLine:
		r.line = append(r.line, c)
	}
}

func (r *recorder) endLine() {
	line := strings.TrimSpace(string(r.line))
	r.line = r.line[:0]
	if line == "" {
		return
	}
	if r.lines++; r.lines == 1 {
		r.first = line
	}
	if r.found == "" && r.match(line) {
		r.found = line
		close(r.matched)
	}
}

// text returns the first line and the first match, "" if there is none.
func (r *recorder) text() (first, found string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.first, r.found
}

// Close closes the stream.
func (r *recorder) Close() error { return r.f.Close() }
