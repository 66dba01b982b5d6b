//go:build linux

package plugins_test

import (
	"bufio"
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bpfc/bpfc/core/codegen"
	"github.com/bpfc/bpfc/sdk/host"
	"github.com/bpfc/bpfc/tests/plugins/fake"
)

// bound is the longest that any failure may take on a busy machine. Calls are allowed
// less than half of it, and the end of a process 4 seconds.
const bound = time.Minute

// bounded fails the test when f takes longer than bound: what hangs must not hang the tests.
func bounded(t *testing.T, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	select {
	case <-done:
	case <-time.After(bound):
		t.Fatalf("no answer within %v", bound)
	}
}

func compile(p *host.Plugin) (*codegen.Artifact, error) {
	return p.Backend().Compile(context.Background(), fake.Unit(), codegen.Options{CPU: "a"})
}

func TestFailuresInCompile(t *testing.T) {
	for _, c := range []struct {
		mode     string
		kind     host.Kind
		sentence string
	}{
		{"crash", host.Crash, "crashed in compile prog.o (exit status 2, SIGSEGV: segmentation violation"},
		{"panic", host.Crash, "panicked in compile prog.o: told to panic"},
		{"recurse", host.Crash, "crashed in compile prog.o (exit status 2, fatal error: stack overflow"},
		{"allocate", host.Crash, "it may use 512 MiB"},
		{"hang", host.Timeout, "did not finish compile prog.o within 1s and was killed"},
		{"stop", host.Timeout, "did not finish compile prog.o within 1s and was killed"},
		{"spin", host.Timeout, "did not finish compile prog.o within 1s and was killed"},
	} {
		t.Run(c.mode, func(t *testing.T) {
			o := options(t)
			if o.Memory = 512 << 20; c.kind == host.Timeout {
				o.Timeout = time.Second
			}
			p := startWith(t, o, c.mode)
			bounded(t, func() {
				_, err := compile(p)
				requireFailure(t, err, c.kind, c.sentence)
				require.NoError(t, p.Close())
			})
		})
	}
}

func TestFailuresInRunKeepResults(t *testing.T) {
	for _, c := range []struct {
		mode     string
		kind     host.Kind
		sentence string
	}{
		{"crash", host.Crash, "crashed in run (exit status 2, SIGSEGV"},
		{"panic", host.Crash, "panicked in run: told to panic"},
		{"allocate", host.Crash, "it may use 512 MiB"},
		{"hang", host.Timeout, "did not finish run within 1s"},
		{"stop", host.Timeout, "did not finish run within 1s"},
		{"spin", host.Timeout, "did not finish run within 1s"},
	} {
		t.Run(c.mode, func(t *testing.T) {
			o := options(t)
			if o.Memory = 512 << 20; c.kind == host.Timeout {
				o.Timeout = time.Second
			}
			p := startWith(t, o, c.mode, "run")
			bounded(t, func() { runBadly(t, p, c.mode, c.kind, c.sentence) })
		})
	}
}

func runBadly(t *testing.T, p *host.Plugin, mode string, kind host.Kind, sentence string) {
	ctx := context.Background()
	a, err := compile(p)
	require.NoError(t, err)
	s, err := p.Backend().(codegen.Runner).Open(ctx, codegen.Spec{})
	require.NoError(t, err)
	ids, err := s.Load(ctx, a)
	require.NoError(t, err)
	inputs := make([]codegen.Input, 100)
	for i := range inputs {
		inputs[i].Mem = []byte{byte(i)}
	}
	res, err := s.Run(ctx, ids[0], codegen.Batch{Inputs: inputs, Repeat: 1})
	requireFailure(t, err, kind, sentence)
	require.Len(t, res.Results, 3, "those that were returned stay")
	require.Equal(t, codegen.Result{Ret: 2, Mem: []byte{2}}, res.Results[2])
	if mode == "panic" {
		return // the process and its session live
	}
	_, err = s.Maps(ctx, nil)
	requireFailure(t, err, host.Crash, "has ended, and with it the session for map operations; open a new session")
	require.NoError(t, s.Close())
	_, err = p.Backend().(codegen.Runner).Open(ctx, codegen.Spec{})
	require.NoError(t, err, "a new session gets a new process")
}

func TestRestartOnce(t *testing.T) {
	flag := filepath.Join(t.TempDir(), "crashed")
	p := start(t, "crash-once", flag)
	before := processes(t)
	a, err := compile(p)
	require.NoError(t, err)
	require.NoError(t, a.CheckDigest())
	require.FileExists(t, flag, "it has crashed")
	require.NotEqual(t, before, processes(t))
}

func TestSecondCrashIsAnError(t *testing.T) {
	_, err := compile(start(t, "crash"))
	requireFailure(t, err, host.Crash, "it was restarted once and failed again")
}

func TestPanicLeavesThePluginAlive(t *testing.T) {
	o := options(t)
	var log strings.Builder
	o.Logger = host.NewLogger(&log, "info")
	p := startWith(t, o, "panic")
	before := processes(t)
	_, err := compile(p)
	requireFailure(t, err, host.Crash, "panicked")
	require.Equal(t, before, processes(t), "no restart")
	require.NoError(t, p.Close())
	require.Contains(t, log.String(), "the plugin's code panicked")
	require.Contains(t, log.String(), "misbehave/main.go", "the stack is in the log")
}

func TestFailuresToStart(t *testing.T) {
	sum, err := misbehave().Checksum()
	require.NoError(t, err)
	text := filepath.Join(t.TempDir(), "bpfc-backend-text")
	require.NoError(t, os.WriteFile(text, []byte("just text\n"), 0o755))
	script := filepath.Join(t.TempDir(), "bpfc-backend-script")
	require.NoError(t, os.WriteFile(script, []byte("#!/no/such/interpreter\n"), 0o755))
	for _, c := range []struct {
		name     string
		ref      host.Ref
		kind     host.Kind
		sentence string
	}{
		{"prints something else", misbehave("not-a-plugin"), host.NotPlugin, `is not a plugin of bpfc: it answered "hello, world" instead of the handshake`},
		{"prints nothing", misbehave("silent"), host.NotPlugin, "ended without a handshake (exit status 0)"},
		{"crashes", misbehave("crash-early"), host.Crash, "crashed before its handshake (exit status 2, SIGSEGV"},
		{"prints before", misbehave("noise"), host.Handshake, `wrote "loading the model" to standard output before the handshake`},
		{"other program", host.Ref{Name: "bpfc-backend-ls", Path: "/bin/ls", Args: []string{"/no/such/file"}}, host.NotPlugin, "ended without a handshake (exit status 2, it said \"/bin/ls:"},
		{"stops", misbehave("stop-early"), host.Timeout, "did not finish its handshake within 1s and was killed"},
		{"sleeps", misbehave("sleep"), host.Timeout, "did not finish its handshake within 1s and was killed"},
		{"other version", misbehave("version"), host.Version, "speaks version 2 of the plugin protocol, this program speaks version 1"},
		{"helpers of another version", host.Ref{Name: "bpfc-helpers-fake", Role: host.HelpersRole, Path: program, Args: []string{"version"}}, host.Version,
			"plugin bpfc-helpers-fake speaks version 2 of the plugin protocol, this program speaks version 1"},
		{"missing", host.Ref{Name: "bpfc-backend-x", Path: "/nowhere/bpfc-backend-x"}, host.Missing, "does not exist: there is no file /nowhere/bpfc-backend-x"},
		{"text", host.Ref{Name: "bpfc-backend-text", Path: text}, host.NotPlugin, "cannot be run: "},
		{"script", host.Ref{Name: "bpfc-backend-script", Path: script}, host.NotPlugin, "cannot be run: "},
		{"helpers, not back end", host.Ref{Name: "bpfc-backend-h", Role: host.BackendRole, Path: program, Args: []string{"helpers"}}, host.Protocol, "does not serve a back end, as its name says"},
		{"back end, not helpers", host.Ref{Name: "bpfc-helpers-b", Role: host.HelpersRole, Path: program, Args: []string{"good"}}, host.Protocol, "does not serve a helper set, as its name says"},
		{"wrong checksum", pinned("good", strings.Repeat("ab", 32)), host.Checksum, "does not have the pinned checksum abababababab…"},
		{"half a checksum", pinned("good", sum[:10]), host.Checksum, "is no SHA-256 checksum"},
		{"pinned and missing", host.Ref{Name: "bpfc-backend-x", Path: "/nowhere/x", SHA256: sum}, host.Missing, "does not exist"},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := options(t)
			if c.kind == host.Timeout {
				o.StartTimeout = time.Second
			}
			bounded(t, func() {
				_, err := host.Start(context.Background(), c.ref, o)
				requireFailure(t, err, c.kind, c.sentence)
			})
		})
	}
}

func pinned(mode, sum string) host.Ref {
	ref := misbehave(mode)
	ref.SHA256 = sum
	return ref
}

func TestRightChecksumStarts(t *testing.T) {
	sum, err := misbehave().Checksum()
	require.NoError(t, err)
	p, err := host.Start(context.Background(), pinned("good", sum), options(t))
	require.NoError(t, err)
	require.NoError(t, p.Close())
}

func TestStartCanBeCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	time.AfterFunc(50*time.Millisecond, cancel)
	bounded(t, func() {
		_, err := host.Start(ctx, misbehave("sleep"), options(t))
		require.ErrorIs(t, err, context.Canceled)
		require.False(t, isFailure(err))
	})
}

func TestGarbageArtifacts(t *testing.T) {
	p := start(t, "garbage-artifact")
	for _, c := range []struct{ how, sentence string }{
		{"entry", "entry 1 has offset 17, which is out of range"},
		{"entries", "it has 1 entries for 2 programs"},
		{"name", `entry 0 is "other", the program is "first"`},
		{"target", `it is for target "other", the plugin's is "fake"`},
		{"symbol", "symbol 0 has extent 1, which is out of range"},
		{"reloc", "relocation 0 has index 1, which is out of range"},
		{"kind", "relocation 0 has kind 200, which is out of range"},
		{"exit", "exit 0 has program 2, which is out of range"},
		{"rule", "exit 0 has rule 99, which is out of range"},
		{"line", "line 0 has program -7, which is out of range"},
		{"data", "data section 0 has relocated address at 9, which is out of range"},
		{"map", "map 0 has inner map 2, which is out of range"},
		{"digest", "its content does not have its digest"},
		{"artifact", "it is for target"},
	} {
		_, err := p.Backend().Compile(context.Background(), fake.Unit(), codegen.Options{CPU: c.how})
		requireFailure(t, err, host.Garbage, c.sentence)
	}
}

func TestBigMessages(t *testing.T) {
	p := start(t, "big-artifact")
	a, err := compile(p)
	require.NoError(t, err)
	require.Len(t, a.Code, 20<<20)

	u := fake.Unit()
	u.Data[0].Bytes = make([]byte, 20<<20)
	a, err = p.Backend().Compile(context.Background(), u, codegen.Options{})
	require.NoError(t, err)
	require.Len(t, a.Data[0].Bytes, 20<<20)

	u.Data[0].Bytes = make([]byte, 257<<20)
	_, err = p.Backend().Compile(context.Background(), u, codegen.Options{})
	requireFailure(t, err, host.Protocol, "cannot exchange more than 256 MiB at once, which compile prog.o needs")
}

func TestOutputAfterTheHandshakeIsHarmless(t *testing.T) {
	_, err := compile(start(t, "stdout"))
	require.NoError(t, err)
}

func TestSurroundings(t *testing.T) {
	t.Setenv("BPFC_TEST_SECRET", "hidden")
	t.Setenv("BPFC_TEST_GIVEN", "shown")
	o := options(t)
	o.Env = []string{"BPFC_TEST_GIVEN"}
	_, err := compile(startWith(t, o, "surroundings"))
	require.Error(t, err)
	sees := err.Error()
	require.Contains(t, sees, "stdin=/dev/null ")
	require.Contains(t, sees, "BPFC_TEST_GIVEN=shown")
	require.Contains(t, sees, "BPFC_HOST_PID="+strconv.Itoa(os.Getpid()))
	require.Contains(t, sees, "GOMEMLIMIT=3221225472")
	require.NotContains(t, sees, "hidden")
	require.Regexp(t, `pgid=(\d+) pid=`, sees)
	f := strings.Fields(sees)
	require.Equal(t, strings.TrimPrefix(f[1], "pgid="), strings.TrimPrefix(f[2], "pid="), "it leads a process group")
}

func TestLimitsAreSet(t *testing.T) {
	o := options(t)
	o.Memory, o.CPUTime = 1<<30, 90*time.Second
	startWith(t, o, "good")
	limits, err := os.ReadFile("/proc/" + processes(t)[0] + "/limits")
	require.NoError(t, err)
	require.Regexp(t, `Max data size +1073741824 +1073741824 `, string(limits))
	require.Regexp(t, `Max cpu time +90 +90 `, string(limits))
}

func TestProcessorTimeIsLimited(t *testing.T) {
	o := options(t)
	o.CPUTime = time.Second
	p := startWith(t, o, "spin")
	bounded(t, func() {
		_, err := compile(p)
		requireFailure(t, err, host.Crash, "it had used up its 1s of processor time")
	})
}

func TestChildrenOfAPluginEndWithIt(t *testing.T) {
	p := start(t, "child")
	require.Len(t, processes(t), 2)
	bounded(t, func() {
		_, err := compile(p)
		requireFailure(t, err, host.Crash, "crashed")
		require.NoError(t, p.Close())
	})
	require.Empty(t, processes(t))
}

func TestSocketDirectoryIsPrivateAndGone(t *testing.T) {
	o := options(t)
	startWith(t, o, "good")
	requireEmptyDir(t, o.TempDir) // while it runs: nothing to leave behind
}

func TestSweep(t *testing.T) {
	o := options(t)
	dead := exec.Command("true")
	require.NoError(t, dead.Run())
	deadPID, old := strconv.Itoa(dead.Process.Pid), time.Now().Add(-time.Hour)
	make := func(name string, modified time.Time) string {
		dir := filepath.Join(o.TempDir, name)
		require.NoError(t, os.Mkdir(dir, 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(dir, "plugin1"), nil, 0o600))
		require.NoError(t, os.Chtimes(dir, modified, modified))
		return dir
	}
	stale := make("bpfc-"+deadPID+"-1", old)
	kept := []string{
		make("bpfc-"+deadPID+"-2", time.Now()),
		make("bpfc-"+strconv.Itoa(os.Getpid())+"-3", old),
		make("bpfc-x-4", old),
		make("other-"+deadPID+"-5", old),
	}
	p := startWith(t, o, "good")
	require.NoDirExists(t, stale)
	for _, dir := range kept {
		require.DirExists(t, dir)
		require.NoError(t, os.RemoveAll(dir))
	}
	require.NoError(t, p.Close())
}

// A host that is killed takes its plugin along, even one that cannot act.
func TestHostKilled(t *testing.T) {
	for _, mode := range []string{"good", "hang", "stop", "spin"} {
		t.Run(mode, func(t *testing.T) {
			o := options(t)
			h := exec.Command(program, "host", mode)
			h.Env = append(os.Environ(), "BPFC_TEST_TEMP="+o.TempDir)
			out, err := h.StdoutPipe()
			require.NoError(t, err)
			require.NoError(t, h.Start())
			line, err := bufio.NewReader(out).ReadString('\n')
			require.NoError(t, err)
			require.Equal(t, "ready\n", line)
			require.Len(t, processes(t), 2)
			require.NoError(t, h.Process.Signal(syscall.SIGKILL))
			_ = h.Wait() // it was killed
			require.Eventually(t, func() bool { return len(processes(t)) == 0 }, bound, 10*time.Millisecond)
			requireEmptyDir(t, o.TempDir)
		})
	}
}

func TestRunByHand(t *testing.T) {
	out, err := exec.Command(program).CombinedOutput()
	var exit *exec.ExitError
	require.ErrorAs(t, err, &exit)
	require.Equal(t, 1, exit.ExitCode())
	require.Contains(t, string(out), "is a plugin of bpfc and is started by it: put it into a directory named by --plugin-dir")
}

// A plugin under a debugger is attached to and lives on.
func TestReattach(t *testing.T) {
	o := options(t)
	debugged := exec.Command(program, "good", "--debug")
	out, err := debugged.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, debugged.Start())
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if _, after, ok := strings.Cut(lines.Text(), "BPFC_REATTACH='"); ok {
			o.Reattach, _, _ = strings.Cut(after, "'")
			break
		}
	}
	for range 2 {
		p, err := host.Start(context.Background(), host.Ref{Name: "bpfc-backend-fake", Path: "/nowhere"}, o)
		require.NoError(t, err)
		_, err = compile(p)
		require.NoError(t, err)
		require.NoError(t, p.Close())
	}
	require.NoError(t, debugged.Process.Signal(os.Interrupt))
	require.NoError(t, debugged.Wait())
	_, err = host.Start(context.Background(), host.Ref{Name: "bpfc-backend-fake"}, o)
	requireFailure(t, err, host.Missing, "cannot be attached to by BPFC_REATTACH")
}

func TestFind(t *testing.T) {
	o := options(t)
	first, second := t.TempDir(), t.TempDir()
	require.NoError(t, os.Symlink(program, filepath.Join(second, "bpfc-backend-good")))
	require.NoError(t, os.WriteFile(filepath.Join(first, "bpfc-backend-good"), nil, 0o644)) // not executable
	require.NoError(t, os.WriteFile(filepath.Join(first, "bpfc-helpers-x"), nil, 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(first, "bpfc-backend-"), nil, 0o755))
	o.Dirs = []string{first, second, "/nowhere"}
	p, err := host.Open(context.Background(), "bpfc-backend-good", o)
	require.NoError(t, err)
	require.Equal(t, filepath.Join(second, "bpfc-backend-good"), p.Ref().Path)
	require.NoError(t, p.Close())

	refs, err := host.List(o.Dirs)
	require.NoError(t, err)
	require.Equal(t, []host.Ref{
		{Name: "bpfc-backend-good", Role: host.BackendRole, Path: filepath.Join(second, "bpfc-backend-good")},
		{Name: "bpfc-helpers-x", Role: host.HelpersRole, Path: filepath.Join(first, "bpfc-helpers-x")},
	}, refs)

	_, err = host.Open(context.Background(), "bpfc-backend-y", o)
	requireFailure(t, err, host.Missing, "was not found in "+first+", "+second+", /nowhere; name its directory with --plugin-dir or BPFC_PLUGIN_PATH")
	_, err = host.Open(context.Background(), "y", o)
	requireFailure(t, err, host.Missing, "plugins are called bpfc-backend-NAME or bpfc-helpers-NAME")
	_, err = host.Open(context.Background(), "./bpfc-backend-z", o)
	requireFailure(t, err, host.Missing, "there is no file ./bpfc-backend-z")
	require.True(t, errors.Is(err, fs.ErrNotExist))
	_, err = host.Open(context.Background(), filepath.Join(first, "bpfc-backend-good"), o)
	requireFailure(t, err, host.NotPlugin, "is not an executable file")
}

func TestDefaultDirs(t *testing.T) {
	for _, c := range []struct {
		env  map[string]string
		want []string
	}{
		{nil, nil},
		{map[string]string{"HOME": "/h"}, []string{"/h/.local/share/bpfc/plugins"}},
		{map[string]string{"HOME": "/h", "XDG_DATA_HOME": "/d", "BPFC_PLUGIN_PATH": "/a::/b"}, []string{"/a", "/b", "/d/bpfc/plugins"}},
		{map[string]string{"HOME": "/h", "XDG_DATA_HOME": "d"}, []string{"/h/.local/share/bpfc/plugins"}},
	} {
		require.Equal(t, c.want, host.DefaultDirs(func(name string) string { return c.env[name] }))
	}
}

func TestClosedPlugin(t *testing.T) {
	p := start(t, "good")
	require.NoError(t, p.Close())
	require.NoError(t, p.Close())
	_, err := compile(p)
	require.EqualError(t, err, "plugin bpfc-backend-fake is closed")
}
