package wire

import (
	"encoding/json"
	"fmt"
	"net"

	goplugin "github.com/hashicorp/go-plugin"
)

// attachment is a plugin that waits to be attached to, as BPFC_REATTACH has it:
// a JSON object of them by name.
type attachment struct {
	Protocol        string
	ProtocolVersion int
	Pid             int
	Test            bool
	Addr            struct{ Network, String string }
}

// FormatReattach makes the value of BPFC_REATTACH for one plugin.
func FormatReattach(name string, r *goplugin.ReattachConfig) (string, error) {
	a := attachment{Protocol: string(r.Protocol), ProtocolVersion: r.ProtocolVersion, Pid: r.Pid, Test: r.Test}
	a.Addr.Network, a.Addr.String = r.Addr.Network(), r.Addr.String()
	b, err := json.Marshal(map[string]attachment{name: a})
	return string(b), err
}

// ParseReattach finds the named plugin in a value of BPFC_REATTACH; nil if it is not there.
func ParseReattach(value, name string) (*goplugin.ReattachConfig, error) {
	if value == "" {
		return nil, nil
	}
	var all map[string]attachment
	if err := json.Unmarshal([]byte(value), &all); err != nil {
		return nil, fmt.Errorf("BPFC_REATTACH is not what a plugin prints with --debug: %w", err)
	}
	a, ok := all[name]
	if !ok {
		return nil, nil
	}
	addr, err := resolve(a.Addr.Network, a.Addr.String)
	if err != nil {
		return nil, fmt.Errorf("BPFC_REATTACH: address of %s: %w", name, err)
	}
	return &goplugin.ReattachConfig{
		Protocol:        goplugin.Protocol(a.Protocol),
		ProtocolVersion: a.ProtocolVersion,
		Addr:            addr,
		Pid:             a.Pid,
		Test:            a.Test,
	}, nil
}

func resolve(network, address string) (net.Addr, error) {
	if network == "unix" {
		return net.ResolveUnixAddr(network, address)
	}
	return net.ResolveTCPAddr(network, address)
}
