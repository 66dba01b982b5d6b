package plugin

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/hashicorp/go-hclog"
	goplugin "github.com/hashicorp/go-plugin"

	"github.com/bpfc/bpfc/sdk/internal/wire"
)

// serveDebug serves until it is interrupted.
func serveDebug(s wire.Served) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	reattach, done, err := attachable(ctx, s)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Printf("The plugin waits for bpfc; interrupt it to end it. In another shell:\n\n\tBPFC_REATTACH='%s' bpfc …\n", reattach)
	<-done
}

// pluginName is the name by which hosts know the plugin.
func pluginName(ctx context.Context, s wire.Served) (string, error) {
	if s.Backend != nil {
		return "bpfc-backend-" + s.Backend.Target().Name, nil
	}
	set, err := s.Helpers.Describe(ctx)
	if err != nil {
		return "", fmt.Errorf("describe the helper set: %w", err)
	}
	return "bpfc-helpers-" + set.Name, nil
}

// debugLogger leaves out what go-plugin says whenever it is asked to end.
func debugLogger() hclog.Logger {
	return hclog.New(&hclog.LoggerOptions{
		Level:   hclog.Warn,
		Output:  os.Stderr,
		Exclude: func(_ hclog.Level, msg string, _ ...any) bool { return msg == "grpc server" },
	})
}

// attachTimeout bounds the time in which a plugin begins to listen.
const attachTimeout = 10 * time.Second

func attachable(ctx context.Context, s wire.Served) (string, <-chan struct{}, error) {
	name, err := pluginName(ctx, s)
	if err != nil {
		return "", nil, err
	}
	attach, done := make(chan *goplugin.ReattachConfig, 1), make(chan struct{})
	config := wire.ServeConfig(s, debugLogger())
	config.Test = &goplugin.ServeTestConfig{Context: ctx, ReattachConfigCh: attach, CloseCh: done}
	go goplugin.Serve(config)
	select {
	case r := <-attach:
		text, err := wire.FormatReattach(name, r)
		return text, done, err
	case <-done:
		return "", nil, fmt.Errorf("%s cannot listen: is the temporary directory writable?", name)
	case <-time.After(attachTimeout):
		return "", nil, fmt.Errorf("%s did not begin to listen within %v", name, attachTimeout)
	}
}
