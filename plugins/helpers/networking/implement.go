package networking

import (
	"maps"

	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/codegen"
)

// Implement makes the set's helpers for a session. Of the environment it reads
// the parts "devices", "routes", "neighbours", "tunnel", "sockets" and "flow_dissector".
func Implement(h codegen.Home) (codegen.Implementation, error) {
	n, err := readNetwork(h)
	if err != nil {
		return codegen.Implementation{}, err
	}
	n.connect()
	n.attach = map[string]uint32{}
	for _, r := range rows() {
		n.attach[r.name] = r.attach
	}
	if err := n.readSockets(h); err != nil {
		return codegen.Implementation{}, err
	}
	return codegen.Implementation{Helpers: n.helpers(), Enter: n.entries(), Steady: steady(), Leave: n.exits()}, nil
}

// helpers are the Go helpers of a session.
func (n *network) helpers() map[string]codegen.GoHelper {
	all := map[string]codegen.GoHelper{}
	for _, family := range []map[string]codegen.GoHelper{
		byteGo(), classicGo(), shapeGo(), checksumGo(), tunnelGo(), n.frameGo(), hashGo(),
		n.redirectGo(), n.routeGo(), n.socketGo(), n.optionGo(), n.messageGo(), n.storageGo(),
	} {
		maps.Copy(all, family)
	}
	return all
}

// running marks the helpers that run as Go.
func running(hs []abi.Helper) []abi.Helper {
	here := (&network{}).helpers()
	for i := range hs {
		if _, ok := here[hs[i].Name]; ok {
			hs[i].Impl = abi.ImplGo
		}
	}
	return hs
}

// expanding marks the helpers whose meaning compilers know.
func expanding(hs []abi.Helper) []abi.Helper {
	for i := range hs {
		hs[i].Intrinsic = expanded[hs[i].Name]
	}
	return hs
}

var expanded = map[string]abi.Intrinsic{
	"bpf_csum_diff":       abi.IntrinsicSumDiff,
	"bpf_skb_load_bytes":  abi.IntrinsicPacketLoad,
	"bpf_xdp_load_bytes":  abi.IntrinsicPacketLoad,
	"bpf_skb_store_bytes": abi.IntrinsicPacketStore,
	"bpf_xdp_store_bytes": abi.IntrinsicPacketStore,
}
