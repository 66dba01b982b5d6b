package host

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	goplugin "github.com/hashicorp/go-plugin"
	gorunner "github.com/hashicorp/go-plugin/runner"
	"google.golang.org/grpc/codes"

	"github.com/bpfc/bpfc/core/codegen"
	"github.com/bpfc/bpfc/sdk/internal/wire"
)

// process is one life of a plugin. A client that has ended cannot be started
// again, so a restart makes a new one.
type process struct {
	ref       Ref
	options   Options
	socketDir string
	client    *goplugin.Client
	runner    *runner // nil if the plugin was attached to
	wire      *wire.Client
	role      Role
	target    codegen.Target
	runs      bool          // it has sessions
	patience  time.Duration // with its start

	once sync.Once // end
}

// startProcess starts a plugin and makes sure that it answers.
func startProcess(ctx context.Context, ref Ref, o Options) (*process, error) {
	p, err := newProcess(ref, o)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, o.StartTimeout)
	defer cancel()
	deadline, _ := ctx.Deadline()
	p.patience = time.Until(deadline).Round(time.Millisecond)
	done := make(chan error, 1)
	go func() { done <- p.connect(ctx) }()
	select {
	case err = <-done:
	case <-ctx.Done():
		err = ctx.Err()
	}
	if err != nil {
		failure := p.startError(ctx, err)
		p.end(false)
		return nil, failure
	}
	p.removeSocketDir()
	return p, nil
}

func newProcess(ref Ref, o Options) (*process, error) {
	reattach, err := wire.ParseReattach(o.Reattach, ref.Name)
	if err != nil {
		return nil, err
	}
	p := &process{ref: ref, options: o, role: ref.Role}
	config := wire.ClientConfig()
	config.Logger = o.Logger
	config.StartTimeout = o.StartTimeout
	if reattach != nil {
		config.Reattach = reattach
		p.client = goplugin.NewClient(config)
		return p, nil
	}
	if err := verifyChecksum(ref); err != nil {
		return nil, err
	}
	if p.socketDir, err = makeSocketDir(o.TempDir); err != nil {
		return nil, &Error{Plugin: ref.Name, Op: "start", Kind: Crash, Msg: "has no place for its socket: " + err.Error(), Err: err}
	}
	p.configure(config)
	p.client = goplugin.NewClient(config)
	return p, nil
}

// configure fills in how the process is started.
//
// AutoMTLS keeps other processes of the machine from the connection, which the
// 0700 directory of the socket does as well on every system that we know; it
// costs 30 to 40 ms (two P-521 key pairs), as much as a whole compile. So our own
// program, which we started ourselves, is spared. Plugins of others get it: it also
// binds the connection to the process that we started, whatever it does with its socket.
func (p *process) configure(c *goplugin.ClientConfig) {
	c.AutoMTLS = !p.ref.Builtin
	c.SkipHostEnv = true
	c.UnixSocketConfig = &goplugin.UnixSocketConfig{TempDir: p.socketDir}
	p.runner = newRunner(p.ref, p.options)
	c.RunnerFunc = func(_ hclog.Logger, cmd *exec.Cmd, _ string) (gorunner.Runner, error) {
		p.runner.cmd.Env = append(p.options.environment(), cmd.Env...)
		return p.runner, nil
	}
}

// verifyChecksum compares the program with its pin.
func verifyChecksum(ref Ref) error {
	if ref.SHA256 == "" {
		return nil
	}
	fail := func(msg string, err error) error {
		return &Error{Plugin: ref.Name, Op: "start", Kind: Checksum, Msg: msg, Err: err}
	}
	want, err := hex.DecodeString(ref.SHA256)
	if err != nil || len(want) != sha256.Size {
		return fail(fmt.Sprintf("is pinned to %q, which is no SHA-256 checksum of 64 hexadecimal digits", ref.SHA256), nil)
	}
	ok, err := (&goplugin.SecureConfig{Checksum: want, Hash: sha256.New()}).Check(ref.Path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return &Error{Plugin: ref.Name, Op: "start", Kind: Missing, Msg: "does not exist: there is no file " + ref.Path, Err: err}
	case err != nil:
		return fail("cannot be read to verify its checksum: "+err.Error(), err)
	case !ok:
		return fail(fmt.Sprintf("was not started: %s does not have the pinned checksum %s…; reinstall it, or pin it anew if the change is wanted", ref.Path, ref.SHA256[:12]), nil)
	}
	return nil
}

// connect does the handshake and asks the plugin what it is.
func (p *process) connect(ctx context.Context) error {
	var err error
	if p.wire, err = wire.Connect(p.client); err != nil {
		return err
	}
	p.target, p.runs, err = p.wire.Info(ctx)
	switch helpers := unimplemented(err); {
	case helpers && p.role != BackendRole:
		p.role, err = HelpersRole, nil
	case err == nil && p.role == HelpersRole:
		return errRole
	case err == nil:
		p.role = BackendRole
	}
	return err
}

// errRole says that a plugin named as a helper set is a back end.
var errRole = errors.New("it is a back end")

func unimplemented(err error) bool {
	var t *wire.TransportError
	return errors.As(err, &t) && t.Code == codes.Unimplemented
}

// startError says why a plugin did not start.
func (p *process) startError(ctx context.Context, err error) error {
	fail := func(k Kind, format string, args ...any) error {
		return &Error{Plugin: p.ref.Name, Op: "start", Kind: k, Msg: fmt.Sprintf(format, args...), Err: err}
	}
	if p.runner == nil {
		return fail(Missing, "cannot be attached to by BPFC_REATTACH: %v; is it still running?", err)
	}
	first, handshake := p.runner.stdout.text()
	switch {
	case errors.Is(err, os.ErrNotExist) && !executable(p.ref.Path):
		return fail(Missing, "does not exist: there is no file %s", p.ref.Path)
	case errors.As(err, new(*os.PathError)): // of fork/exec
		return fail(NotPlugin, "cannot be run: %v; %s must be an executable program for this machine", err, p.ref.Path)
	case errors.Is(context.Cause(ctx), context.Canceled):
		return context.Cause(ctx)
	case handshake != "" && first != handshake:
		return fail(Handshake, "wrote %q to standard output before the handshake; a plugin must write to standard error only", first)
	case handshake != "":
		return p.handshakeError(handshake, err)
	case first != "":
		return fail(NotPlugin, "is not a plugin of bpfc: it answered %q instead of the handshake", first)
	case ctx.Err() != nil || strings.Contains(err.Error(), "timeout"):
		return fail(Timeout, "did not finish its handshake within %v and was killed", p.patience)
	}
	death := p.death()
	if _, cry := p.runner.stderr.text(); cry != "" {
		return fail(Crash, "crashed before its handshake (%s)", death)
	}
	return fail(NotPlugin, "ended without a handshake (%s); is it a plugin of bpfc?", death)
}

// handshakeError says what is wrong after the plugin's line "1|VERSION|unix|PATH|PROTOCOL|…".
func (p *process) handshakeError(line string, err error) error {
	e := &Error{Plugin: p.ref.Name, Op: "start", Err: err}
	f := append(strings.Split(line, "|"), "netrpc") // which is what the field's absence means
	var panicked *wire.PanicError
	switch {
	case f[0] != fmt.Sprint(goplugin.CoreProtocolVersion) || f[1] != fmt.Sprint(wire.Version):
		e.Kind = Version
		e.Msg = fmt.Sprintf("speaks version %s of the plugin protocol, this program speaks version %d; rebuild it with the SDK of this release", f[1], wire.Version)
	case f[4] != string(goplugin.ProtocolGRPC):
		e.Kind = Protocol
		e.Msg = fmt.Sprintf("speaks %q, not gRPC; rebuild it with the SDK of this release", f[4])
	case unimplemented(err) || errors.Is(err, errRole):
		e.Kind = Protocol
		e.Msg = fmt.Sprintf("does not serve %s, as its name says", p.role.words())
	case errors.As(err, &panicked):
		e.Kind = Crash
		e.Msg = "panicked when it was asked what it is: " + panicked.Value
	case errors.Is(err, context.DeadlineExceeded):
		e.Kind = Timeout
		e.Msg = fmt.Sprintf("did not answer within %v after its start and was killed", p.patience)
	default:
		e.Kind = Crash
		e.Msg = fmt.Sprintf("ended right after its start (%s)", p.death())
	}
	return e
}

// deathTime is how long a dying process and its last words are waited for: on a busy machine, a Go
// program that runs out of memory takes its time between the end of its connections and its own.
const deathTime = 3 * time.Second

// died reports whether the process ends within a short time.
func (p *process) died() bool {
	if p.runner == nil {
		return false
	}
	return within(p.runner.exited, deathTime)
}

// death says how the process ended.
func (p *process) death() string {
	r := p.runner
	if !p.died() || r.state == nil {
		return "its connection is gone"
	}
	within(r.stderr.eof, deathTime)
	first, cry := r.stderr.text()
	text := r.state.String()
	if limit := p.options.CPUTime; limit > 0 && r.overTime(limit) {
		text += fmt.Sprintf(", it had used up its %v of processor time", limit)
	}
	switch {
	case cry != "":
		text += ", " + cry
	case first != "" && !strings.HasPrefix(first, "{"): // no line of its log
		text += fmt.Sprintf(", it said %q", first)
	}
	if limit := p.options.Memory; limit > 0 && outOfMemory(first+cry) {
		text += fmt.Sprintf(", it may use %d MiB", limit>>20)
	}
	return text
}

// outOfMemory recognises how Go and C programs say so.
func outOfMemory(words string) bool {
	for _, w := range []string{"out of memory", "annot allocate memory", "pthread_create failed"} {
		if strings.Contains(words, w) {
			return true
		}
	}
	return false
}

// How long a plugin may take to end by itself, and the kernel to end it.
const (
	politeTime = 2 * time.Second
	killTime   = 2 * time.Second
)

// end ends the process, if asked politely at first, in any case by force. It
// returns within politeTime + killTime whatever the plugin does; go-plugin's Kill
// alone waits for ever for the answer of a stopped process.
func (p *process) end(politely bool) { p.once.Do(func() { p.endOnce(politely) }) }

func (p *process) endOnce(politely bool) {
	defer p.removeSocketDir()
	if !politely && p.runner != nil {
		p.runner.killGroup()
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		p.client.Kill()
	}()
	if within(done, politeTime) {
		return
	}
	if p.runner != nil {
		p.runner.killGroup()
	}
	if !within(done, killTime) {
		p.options.Logger.Error("the plugin's end is still pending", "plugin", p.ref.Name)
	}
}

func within(done <-chan struct{}, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-done:
		return true
	case <-timer.C:
		return false
	}
}

// removeSocketDir removes the socket's file once nobody needs to find it any
// more: the one connection stands, and nothing is left behind if the host is killed.
func (p *process) removeSocketDir() {
	if p.socketDir != "" {
		_ = os.RemoveAll(p.socketDir)
	}
}

// ended reports whether the process is gone.
func (p *process) ended() bool {
	if p.runner == nil {
		return p.client.Exited()
	}
	select {
	case <-p.runner.exited:
		return true
	default:
		return false
	}
}
