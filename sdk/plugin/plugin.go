// Package plugin turns a back end or a helper set into a plugin of bpfc: a
// program of its own that the host starts, talks to and ends.
//
//	func main() { plugin.ServeBackend(mybackend.New()) }
//	func main() { plugin.ServeHelpers(myset.Set, myset.Implement) }
//
// Build it as bpfc-backend-NAME or bpfc-helpers-NAME and put it where bpfc looks
// for plugins. A plugin must not write to standard output before it serves;
// what it writes to standard error reaches the host's log.
//
// To run a plugin under a debugger, start it by hand with --debug: it prints a
// line BPFC_REATTACH=… to set for the bpfc that is to use it.
package plugin

import (
	"context"
	"fmt"
	"os"
	"runtime/debug"
	"slices"

	"github.com/hashicorp/go-hclog"
	goplugin "github.com/hashicorp/go-plugin"

	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/codegen"
	"github.com/bpfc/bpfc/sdk/internal/wire"
)

// ServeBackend serves b to the host that started this process and returns when
// the host ends the plugin. It exits the process with status 1 when nobody
// started it as a plugin, and with status 0 when the host is gone.
func ServeBackend(b codegen.Backend) { serve(wire.Served{Backend: b}) }

// ServeHelpers serves a helper set as ServeBackend serves a back end. set describes it; implement, which may be nil,
// runs its helpers in Go. They stay in this process: hosts get them described as remote helpers. Without implement, the
// helpers in Go are those of the process that runs a program. A program that links the set uses the same two functions.
func ServeHelpers(set func() *abi.Set, implement codegen.Open) { serve(helpers(set, implement)) }

// helpers is a set as it is served: its helpers in Go are remote ones.
func helpers(set func() *abi.Set, implement codegen.Open) wire.Served {
	return wire.Served{Helpers: &wire.Helpers{
		Describe: func(context.Context) (*abi.Set, error) {
			if implement == nil {
				return set(), nil
			}
			return remote(set()), nil
		},
		Implement: implement,
	}}
}

// remote returns the set with its Go helpers made remote ones.
func remote(s *abi.Set) *abi.Set {
	out := *s
	out.Helpers = slices.Clone(s.Helpers)
	for i := range out.Helpers {
		if h := &out.Helpers[i]; h.Impl == abi.ImplGo {
			h.Impl = abi.ImplRemote
		}
	}
	return &out
}

// DebugBackend serves b from this process, started by no host, until ctx is
// done. It returns the value of BPFC_REATTACH that makes a host attach to it,
// and a channel that is closed when serving has ended. A plugin's own tests use
// it to run the plugin in process.
func DebugBackend(ctx context.Context, b codegen.Backend) (reattach string, done <-chan struct{}, err error) {
	return attachable(ctx, wire.Served{Backend: b})
}

// DebugHelpers serves a helper set as DebugBackend serves a back end.
func DebugHelpers(ctx context.Context, set func() *abi.Set, implement codegen.Open) (reattach string, done <-chan struct{}, err error) {
	return attachable(ctx, helpers(set, implement))
}

// maxStack is the largest stack of a goroutine, in bytes. With Go's default of
// 1 GB endless recursion takes most of the memory that a plugin may have, and its
// crash many seconds, as the runtime walks the whole stack to print its ends.
const maxStack = 64 << 20

func serve(s wire.Served) {
	h := wire.Handshake()
	switch {
	case os.Getenv(h.MagicCookieKey) == h.MagicCookieValue:
		debug.SetMaxStack(maxStack)
		go watchHost()
		goplugin.Serve(wire.ServeConfig(s, logger()))
	case slices.Contains(os.Args[1:], "--debug"):
		serveDebug(s)
	default:
		fmt.Fprintf(os.Stderr, "%s is a plugin of bpfc and is started by it: put it into a directory named by --plugin-dir or "+
			"BPFC_PLUGIN_PATH and run `bpfc plugin list`, or start it with --debug to attach a debugger\n", os.Args[0])
		os.Exit(1)
	}
}

// logger writes JSON lines to standard error, where the host reads them.
func logger() hclog.Logger {
	return hclog.New(&hclog.LoggerOptions{
		Level:      hclog.LevelFromString(os.Getenv(wire.LogLevelEnv)),
		Output:     os.Stderr,
		JSONFormat: true,
	})
}
