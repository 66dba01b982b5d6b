package host

import (
	"io"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/bpfc/bpfc/sdk/internal/wire"
)

// Options say how plugins are found and what they may use. The zero value is good.
type Options struct {
	// Dirs are where Open looks for a plugin by name; see DefaultDirs.
	Dirs []string
	// Timeout bounds each call; of Run, each chunk of results. 0 is DefaultTimeout.
	// A plugin that exceeds it is killed, and with it its sessions.
	Timeout time.Duration
	// HelperTimeout bounds each call of a remote helper. 0 is DefaultHelperTimeout, or half of Timeout if that is less.
	HelperTimeout time.Duration
	// StartTimeout bounds start and handshake. 0 is DefaultStartTimeout.
	StartTimeout time.Duration
	// Memory is what the plugin may allocate, in bytes: private writable memory,
	// as the kernel counts it (RLIMIT_DATA). 0 is DefaultMemory, negative no limit.
	// Values below 256 MiB may be too little for a Go program to start.
	Memory int64
	// CPUTime is the processor time that one plugin process may use in its whole
	// life. 0 is DefaultCPUTime, negative no limit.
	CPUTime time.Duration
	// Env names further environment variables to hand on to plugins.
	Env []string
	// Logger gets the log of the plugins and of what happens to them; nil for none.
	Logger hclog.Logger
	// TempDir is where the directory of a plugin's socket is made; "" is the
	// system's. Paths of sockets are limited to about 100 bytes.
	TempDir string
	// Reattach is the value of BPFC_REATTACH: plugins named in it are attached to,
	// not started, and go on when they are closed.
	Reattach string
}

// The defaults of Options.
const (
	DefaultTimeout       = time.Minute
	DefaultStartTimeout  = 10 * time.Second
	DefaultHelperTimeout = 10 * time.Second
	DefaultMemory        = int64(4) << 30
	DefaultCPUTime       = 4 * time.Hour
)

// NewLogger returns a logger for Options: lines of text on w, at or above level
// ("trace", "debug", "info", "warn", "error", "off").
func NewLogger(w io.Writer, level string) hclog.Logger {
	return hclog.New(&hclog.LoggerOptions{Name: "plugins", Output: w, Level: hclog.LevelFromString(level)})
}

func (o Options) withDefaults() Options {
	o.Timeout = orDefault(o.Timeout, DefaultTimeout)
	o.StartTimeout = orDefault(o.StartTimeout, DefaultStartTimeout)
	o.Memory = orDefault(o.Memory, DefaultMemory)
	o.CPUTime = orDefault(o.CPUTime, DefaultCPUTime)
	if o.Logger == nil {
		o.Logger = hclog.NewNullLogger()
	}
	if o.TempDir == "" {
		o.TempDir = tempDir()
	}
	return o
}

func orDefault[T int64 | time.Duration](v, d T) T {
	if v == 0 {
		return d
	}
	return v
}

// maxTempDir is the longest temporary directory whose sockets have a legal path:
// sun_path has 104 bytes on macOS and 108 on Linux, our part of it up to 60.
const maxTempDir = 44

// tempDir avoids macOS's long temporary directories.
func tempDir() string {
	if d := os.TempDir(); len(d) <= maxTempDir || runtime.GOOS == "windows" {
		return d
	}
	return "/tmp"
}

// inherited are the variables that plugins see of the host's environment; others
// may hold secrets, or change what a plugin does unknown to its user.
var inherited = []string{
	"PATH", "HOME", "USER", "LOGNAME", "TMPDIR", "TZ", "LANG", "LC_ALL", "LC_CTYPE",
	"GOMAXPROCS", "GODEBUG", "GORACE", "GOTRACEBACK", "GOCOVERDIR",
}

// environment is what a plugin gets; the library adds the handshake's variables.
func (o Options) environment() []string {
	env := []string{
		wire.HostPIDEnv + "=" + strconv.Itoa(os.Getpid()),
		wire.LogLevelEnv + "=" + o.Logger.GetLevel().String(),
	}
	if o.Memory > 0 {
		// Collect harder before the limit is met.
		env = append(env, "GOMEMLIMIT="+strconv.FormatInt(o.Memory/4*3, 10))
	}
	for _, kv := range os.Environ() {
		name, _, _ := strings.Cut(kv, "=")
		if slices.Contains(inherited, name) || slices.Contains(o.Env, name) {
			env = append(env, kv)
		}
	}
	return env
}
