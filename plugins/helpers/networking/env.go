package networking

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/bpfc/bpfc/core/codegen"
)

// network is the session's side of the set: what its part of the environment
// says, and memory that programs get pointers to.
type network struct {
	devices    []netDevice
	everything bool // no devices were given: every number is one
	routes     []route
	neighbours []neighbour
	tunnel     *tunnelEnv
	dissector  dissectorEnv
	sockets    []*socket
	views      map[uint64]*socket // by the address of each of their structures
	packet     *socket            // that the packets of the runs belong to, nil: one that is made for each
	perCPU     []scratch
	attach     map[string]uint32 // the number of enum bpf_attach_type of a program type
}

// netDevice is a network interface. Those that the environment does not name are
// Ethernet interfaces that forward; number 1 is the loopback interface.
type netDevice struct {
	Index     uint32         `json:"ifindex"`
	Name      string         `json:"name"`
	MAC       mac            `json:"mac"`
	MTU       uint32         `json:"mtu"`
	Addresses []netip.Prefix `json:"addresses"`
	NoForward bool           `json:"no_forwarding"`
	Down      bool           `json:"down"`
	Point     bool           `json:"no_link_header"` // its packets begin with the network header
	RxQueues  uint32         `json:"rx_queues"`
	Peer      uint32         `json:"peer"`
}

// route is a row of a routing table.
type route struct {
	Prefix  netip.Prefix `json:"prefix"`
	Gateway netip.Addr   `json:"gateway"`
	Index   uint32       `json:"ifindex"`
	Table   uint32       `json:"table"` // 0: the main table
	Metric  uint32       `json:"metric"`
	MTU     uint32       `json:"mtu"`    // 0: the interface's
	Type    string       `json:"type"`   // "" is unicast
	Source  netip.Addr   `json:"source"` // preferred
	Encap   bool         `json:"encap"`  // a lightweight tunnel
}

// neighbour is the link address of a host.
type neighbour struct {
	Index   uint32     `json:"ifindex"`
	Address netip.Addr `json:"address"`
	MAC     mac        `json:"mac"`
	Invalid bool       `json:"invalid"` // known, but not reachable
}

// tunnelEnv is the tunnel that the packets of the runs came out of.
type tunnelEnv struct {
	ID      uint64     `json:"id"`
	Remote  netip.Addr `json:"remote"`
	Local   netip.Addr `json:"local"`
	TOS     uint8      `json:"tos"`
	TTL     uint8      `json:"ttl"`
	Label   uint32     `json:"label"`
	Flags   uint16     `json:"flags"`
	Options hexBytes   `json:"options"`
}

// dissectorEnv is what callers of flow dissectors ask for.
type dissectorEnv struct {
	Flags uint32 `json:"flags"` // BPF_FLOW_DISSECTOR_F_*, include/uapi/linux/bpf.h, Linux 6.18
}

// mac is the address of an Ethernet interface, "02:00:00:00:00:01".
type mac [addrLen]byte

func (m *mac) UnmarshalText(text []byte) error {
	parts := strings.Split(string(text), ":")
	for i, p := range parts {
		v, err := strconv.ParseUint(p, 16, 8)
		if err != nil || len(parts) != addrLen {
			return fmt.Errorf("%q is no link address like 02:00:00:00:00:01", text)
		}
		m[i] = byte(v)
	}
	return nil
}

// hexBytes is memory as hexadecimal digits.
type hexBytes []byte

func (h *hexBytes) UnmarshalText(text []byte) (err error) {
	*h, err = hex.DecodeString(string(text))
	return err
}

// part reads a part of the environment; a field that it does not know is an error.
func part(h codegen.Home, name string, into any) error {
	text := h.Env(name)
	if text == nil {
		return nil
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return fmt.Errorf("environment, part %q: %w", name, err)
	}
	return nil
}

// routeTypes are the types of routes, with what a lookup that ends at one says (bpf_ipv4_fib_lookup).
var routeTypes = map[string]uint64{
	"": fibSuccess, "unicast": fibSuccess, "blackhole": fibBlackhole, "unreachable": fibUnreachable, "prohibit": fibProhibit,
	"local": fibNotForwarded, "broadcast": fibNotForwarded, "multicast": fibNotForwarded,
}

// loopback is device 1 unless the environment says otherwise.
func loopback() netDevice { return netDevice{Index: 1, Name: "lo", MTU: 65536, RxQueues: 1} }

// ethernet is a device that nothing is known of.
func ethernet(index uint32) netDevice {
	return netDevice{Index: index, MTU: 1500, MAC: mac{2, 0, byte(index >> 24), byte(index >> 16), byte(index >> 8), byte(index)}, RxQueues: maxOffset}
}

// readNetwork reads the parts of the environment that are this set's.
func readNetwork(h codegen.Home) (*network, error) {
	n := &network{everything: h.Env("devices") == nil}
	for _, p := range []struct {
		name string
		into any
	}{{"devices", &n.devices}, {"routes", &n.routes}, {"neighbours", &n.neighbours}, {"tunnel", &n.tunnel}, {"flow_dissector", &n.dissector}} {
		if err := part(h, p.name, p.into); err != nil {
			return nil, err
		}
	}
	for i := range n.devices {
		d := &n.devices[i]
		if d.Index == 0 {
			return nil, fmt.Errorf("environment, part \"devices\": device %d (%q) has no ifindex", i, d.Name)
		}
		if d.MTU == 0 {
			d.MTU = 1500
		}
		d.RxQueues = max(d.RxQueues, 1)
	}
	for i := range n.routes {
		r := &n.routes[i]
		if _, ok := routeTypes[r.Type]; !ok || !r.Prefix.IsValid() {
			return nil, fmt.Errorf("environment, part \"routes\": route %d needs a prefix like 10.0.0.0/8, and no type or one of unicast, blackhole, unreachable, prohibit, local, broadcast, multicast", i)
		}
		r.Prefix = r.Prefix.Masked()
	}
	if t := n.tunnel; t != nil && (t.Remote.Is4() != t.Local.Is4() || !t.Remote.IsValid() || len(t.Options) > maxOptions) {
		return nil, fmt.Errorf("environment, part \"tunnel\": it needs remote and local addresses of one family, and at most %d bytes of options", maxOptions)
	}
	return n, nil
}

// device is the interface with a number, false if there is none.
func (n *network) device(index uint32) (netDevice, bool) {
	for _, d := range n.devices {
		if d.Index == index {
			return d, true
		}
	}
	switch {
	case index == 1:
		return loopback(), true
	case index == 0 || index > maxOffset:
		return netDevice{}, false
	}
	return ethernet(index), n.everything
}

// linkLen is the length of the device's link header.
func (d *netDevice) linkLen() int {
	if d.Point {
		return 0
	}
	return ethLen
}
