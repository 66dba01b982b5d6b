package plugin

import (
	"os"
	"strconv"
	"time"

	"github.com/bpfc/bpfc/sdk/internal/wire"
)

// watchInterval is how often a plugin looks whether its host lives.
const watchInterval = 250 * time.Millisecond

// watchHost exits when the host is no longer this process's parent. On Linux
// the host also has the kernel kill its plugins, which works for stopped and
// spinning ones too; elsewhere this is all there is.
func watchHost() {
	host, err := strconv.Atoi(os.Getenv(wire.HostPIDEnv))
	if err != nil {
		return // a host that does not say who it is cannot be watched
	}
	for os.Getppid() == host {
		time.Sleep(watchInterval)
	}
	os.Exit(0)
}
