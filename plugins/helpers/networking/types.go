package networking

import (
	"slices"
	"strings"

	"github.com/bpfc/bpfc/core/abi"
)

// row is one program type. Sections are separated by spaces: those of libbpf,
// names that samples, iproute2, Suricata (filter, loadbalancer), Cilium (from-*,
// to-*) and Open vSwitch (ingress, egress, downcall, tail-*, af_xdp) have used,
// and, by '*', names with an ending.
type row struct {
	name     string
	kernel   uint32
	attach   uint32
	sections string
	context  abi.Context
	helpers  []string
	returns  abi.Range
	packet   abi.PacketAccess
}

// named is a range that restricts nothing, with the names of its values.
func named(names map[int64]string) abi.Range { return abi.Range{Names: names} }

// within is the range from min to max, which the kernel enforces
// (check_return_code, kernel/bpf/verifier.c, Linux 6.18).
func within(lo, hi int64, names map[int64]string) abi.Range {
	return abi.Range{Min: lo, Max: hi, Names: names}
}

// The names of return values (include/uapi/linux/bpf.h and pkt_cls.h, Linux 6.18).
var (
	xdpActions = map[int64]string{0: "XDP_ABORTED", 1: "XDP_DROP", 2: "XDP_PASS", 3: "XDP_TX", 4: "XDP_REDIRECT"}
	tcActions  = map[int64]string{
		-1: "TC_ACT_UNSPEC", 0: "TC_ACT_OK", 1: "TC_ACT_RECLASSIFY", 2: "TC_ACT_SHOT", 3: "TC_ACT_PIPE", 4: "TC_ACT_STOLEN",
		5: "TC_ACT_QUEUED", 6: "TC_ACT_REPEAT", 7: "TC_ACT_REDIRECT", 8: "TC_ACT_TRAP",
	}
	tcxActions    = map[int64]string{-1: "TCX_NEXT", 0: "TCX_PASS", 2: "TCX_DROP", 7: "TCX_REDIRECT"}
	netkitActions = map[int64]string{-1: "NETKIT_NEXT", 0: "NETKIT_PASS", 2: "NETKIT_DROP", 7: "NETKIT_REDIRECT"}
	skActions     = map[int64]string{0: "SK_DROP", 1: "SK_PASS"}
	tunnelActions = map[int64]string{0: "BPF_OK", 2: "BPF_DROP", 7: "BPF_REDIRECT", 128: "BPF_LWT_REROUTE"}
	flowActions   = map[int64]string{0: "BPF_OK", 2: "BPF_DROP", 129: "BPF_FLOW_DISSECTOR_CONTINUE"}
	verdictNames  = map[int64]string{0: "reject", 1: "allow"}
	egressNames   = map[int64]string{0: "drop", 1: "allow", 2: "drop and mark congestion", 3: "allow and mark congestion"}
	bindNames     = map[int64]string{0: "reject", 1: "allow", 2: "reject", 3: "allow without CAP_NET_BIND_SERVICE"}
)

// rows are the program types with the numbers of enum bpf_prog_type and enum
// bpf_attach_type (include/uapi/linux/bpf.h, Linux 6.18).
func rows() []row {
	verdict := within(0, 1, verdictNames)
	rs := []row{
		{"socket_filter", 1, 0, "socket socket* filter filter/* loadbalancer", socketSkb(), socketHelpers, abi.Range{}, abi.PacketNone},
		{"sched_cls", 3, 0, "tc tc/* tc_* tc-* classifier classifier* cls cls* sched_cls sched_cls* ingress egress from-* to-* downcall tail-*", tcSkb(), tcHelpers, named(tcActions), abi.PacketReadWrite},
		{"sched_act", 4, 0, "action action* act act_* act/* sched_act sched_act*", tcSkb(), tcHelpers, named(tcActions), abi.PacketReadWrite},
		{"tcx/ingress", 3, 46, "tc/ingress tc/ingress/* tcx/ingress tcx/ingress/*", tcSkb(), tcHelpers, named(tcxActions), abi.PacketReadWrite},
		{"tcx/egress", 3, 47, "tc/egress tc/egress/* tcx/egress tcx/egress/*", tcSkb(), tcHelpers, named(tcxActions), abi.PacketReadWrite},
		{"netkit/primary", 3, 54, "netkit/primary netkit/primary/*", tcSkb(), tcHelpers, named(netkitActions), abi.PacketReadWrite},
		{"netkit/peer", 3, 55, "netkit/peer netkit/peer/*", tcSkb(), tcHelpers, named(netkitActions), abi.PacketReadWrite},
		{"xdp", 6, 37, "xdp xdp* xdp.frags xdp.frags/* af_xdp", xdp(), xdpHelpers, named(xdpActions), abi.PacketReadWrite},
		{"xdp/devmap", 6, 33, "xdp/devmap xdp/devmap/* xdp.frags/devmap xdp.frags/devmap/* xdp_devmap*", xdpDevmap(), xdpHelpers, named(xdpActions), abi.PacketReadWrite},
		{"xdp/cpumap", 6, 35, "xdp/cpumap xdp/cpumap/* xdp.frags/cpumap xdp.frags/cpumap/* xdp_cpumap*", xdp(), xdpHelpers, named(xdpActions), abi.PacketReadWrite},
		{"cgroup_skb", 8, 0, "cgroup/skb cgroup/skb* cgroup_skb cgroup_skb* cgroup_skb/ingress cgroup_skb/ingress*", cgroupSkb(), cgroupSkbHelpers, verdict, abi.PacketRead},
		{"cgroup_skb/egress", 8, 1, "cgroup_skb/egress cgroup_skb/egress*", cgroupSkb(), cgroupSkbHelpers, within(0, 3, egressNames), abi.PacketRead},
		{"cgroup_sock", 9, 2, "cgroup/sock cgroup/sock* cgroup/sock_create cgroup/sock_create*", cgroupSock(), cgroupSockHelpers, verdict, abi.PacketNone},
		{"cgroup_sock/release", 9, 34, "cgroup/sock_release cgroup/sock_release*", cgroupSock(), cgroupSockHelpers, verdict, abi.PacketNone},
		{"cgroup_sock/post_bind4", 9, 12, "cgroup/post_bind4 cgroup/post_bind4*", postBind("src_ip6"), cgroupSockHelpers, verdict, abi.PacketNone},
		{"cgroup_sock/post_bind6", 9, 13, "cgroup/post_bind6 cgroup/post_bind6*", postBind("src_ip4"), cgroupSockHelpers, verdict, abi.PacketNone},
		{"lwt_in", 10, 0, "lwt_in lwt_in*", tunnelSkb(), tunnelInHelpers, named(tunnelActions), abi.PacketRead},
		{"lwt_out", 11, 0, "lwt_out lwt_out*", tunnelSkb(), tunnelHelpers, named(tunnelActions), abi.PacketRead},
		{"lwt_xmit", 12, 0, "lwt_xmit lwt_xmit*", tunnelSkb(), tunnelXmitHelpers, named(tunnelActions), abi.PacketReadWrite},
		{"lwt_seg6local", 19, 0, "lwt_seg6local lwt_seg6local*", tunnelSkb(), tunnelSeg6Helpers, named(tunnelActions), abi.PacketRead},
		{"sock_ops", 13, 3, "sockops sockops*", sockOps(), sockOpsHelpers, verdict, abi.PacketRead},
		{"sk_skb", 14, 0, "sk_skb sk_skb*", streamSkb(), streamHelpers, named(skActions), abi.PacketReadWrite},
		{"sk_skb/stream_parser", 14, 4, "sk_skb/stream_parser sk_skb/stream_parser*", streamSkb(), streamHelpers, abi.Range{}, abi.PacketReadWrite},
		{"sk_skb/stream_verdict", 14, 5, "sk_skb/stream_verdict sk_skb/stream_verdict*", streamSkb(), streamHelpers, named(skActions), abi.PacketReadWrite},
		{"sk_skb/verdict", 14, 38, "sk_skb/verdict sk_skb/verdict*", streamSkb(), streamHelpers, named(skActions), abi.PacketReadWrite},
		{"cgroup_device", 15, 6, "cgroup/dev cgroup/dev*", device(), deviceHelpers, verdict, abi.PacketNone},
		{"sk_msg", 16, 7, "sk_msg sk_msg*", skMsg(), skMsgHelpers, named(skActions), abi.PacketReadWrite},
		{"sk_reuseport", 21, 39, "sk_reuseport sk_reuseport*", reuseport(), reuseportHelpers, named(skActions), abi.PacketRead},
		{"sk_reuseport/migrate", 21, 40, "sk_reuseport/migrate sk_reuseport/migrate*", reuseport(), reuseportHelpers, named(skActions), abi.PacketRead},
		{"flow_dissector", 22, 17, "flow_dissector flow_dissector*", dissectorSkb(), dissectorHelpers, named(flowActions), abi.PacketRead},
		{"cgroup_sysctl", 23, 18, "cgroup/sysctl cgroup/sysctl*", sysctl(), sysctlHelpers, verdict, abi.PacketNone},
		{"sockopt/get", 25, 21, "cgroup/getsockopt cgroup/getsockopt*", getSockopt(), getSockoptHelpers, verdict, abi.PacketReadWrite},
		{"sockopt/set", 25, 22, "cgroup/setsockopt cgroup/setsockopt*", setSockopt(), setSockoptHelpers, verdict, abi.PacketReadWrite},
		{"sk_lookup", 30, 36, "sk_lookup sk_lookup*", skLookup(), skLookupHelpers, within(0, 1, skActions), abi.PacketNone},
		{"netfilter", 32, 45, "netfilter netfilter*", hook(), nil, within(0, 1, map[int64]string{0: "NF_DROP", 1: "NF_ACCEPT"}), abi.PacketNone},
	}
	return append(rs, addressRows()...)
}

// The fields of struct bpf_sock_addr that programs of an address family do not see.
const (
	only4    = "user_ip6 msg_src_ip4 msg_src_ip6"
	only6    = "user_ip4 msg_src_ip4 msg_src_ip6"
	onlyUnix = "user_ip4 user_ip6 msg_src_ip4 msg_src_ip6"
	send4    = "user_ip6 msg_src_ip6"
	send6    = "user_ip4 msg_src_ip4"
)

// addressRows are the programs with a struct bpf_sock_addr.
func addressRows() []row {
	verdict, bind, always := within(0, 1, verdictNames), within(0, 3, bindNames), within(1, 1, map[int64]string{1: "allow"})
	var rs []row
	for _, a := range []struct {
		hook    string
		attach  uint32
		hidden  string
		helpers []string
		returns abi.Range
	}{
		{"bind4", 8, only4, sockAddrVerdictHelpers, bind},
		{"bind6", 9, only6, sockAddrVerdictHelpers, bind},
		{"connect4", 10, only4, connectHelpers, verdict},
		{"connect6", 11, only6, connectHelpers, verdict},
		{"connect_unix", 49, onlyUnix, sockAddrVerdictHelpers, verdict},
		{"sendmsg4", 14, send4, sockAddrVerdictHelpers, verdict},
		{"sendmsg6", 15, send6, sockAddrVerdictHelpers, verdict},
		{"sendmsg_unix", 50, onlyUnix, sockAddrVerdictHelpers, verdict},
		{"recvmsg4", 19, only4, sockAddrHelpers, always},
		{"recvmsg6", 20, only6, sockAddrHelpers, always},
		{"recvmsg_unix", 51, onlyUnix, sockAddrHelpers, always},
		{"getpeername4", 29, only4, sockAddrHelpers, always},
		{"getpeername6", 30, only6, sockAddrHelpers, always},
		{"getpeername_unix", 52, onlyUnix, sockAddrHelpers, always},
		{"getsockname4", 31, only4, sockAddrHelpers, always},
		{"getsockname6", 32, only6, sockAddrHelpers, always},
		{"getsockname_unix", 53, onlyUnix, sockAddrHelpers, always},
	} {
		section := "cgroup/" + a.hook
		rs = append(rs, row{"sock_addr/" + a.hook, 18, a.attach, section + " " + section + "*", sockAddr(a.hidden), a.helpers, a.returns, abi.PacketNone})
	}
	return rs
}

// types are the program types of the set.
func types() []abi.ProgType {
	var ts []abi.ProgType
	for _, r := range rows() {
		t := abi.ProgType{
			Name: r.name, Sections: strings.Fields(r.sections), Context: r.context, Helpers: slices.Clone(r.helpers),
			Returns: r.returns, Packet: r.packet, Kernel: r.kernel, Attach: r.attach,
			LoadAbs: r.kernel == 1 || r.kernel == 3 || r.kernel == 4, // may_access_skb, kernel/bpf/verifier.c, Linux 6.18
		}
		if t.Name == "netfilter" {
			t.Unsupported = "its context leads to structures of the kernel that only the kernel's BTF describes"
		}
		t.Context.Private = privateSize(r.kernel)
		if t.LoadAbs {
			t.Loads = classicLoad
		}
		t.Variants, t.PacketArgs = running(variants(r.kernel, r.attach)), packetArgs(r.kernel)
		ts = append(ts, t)
	}
	return append(ts, classicTypes()...)
}

// privateSize is how many bytes the implementation keeps behind the context of a run.
func privateSize(kernel uint32) uint32 {
	switch kernel {
	case typeSocketFilter, typeClassifier, typeAction, typeCgroupSkb, typeLwtIn, typeLwtOut, typeLwtXmit, typeLwtSeg6, typeStream:
		return skbPrivate
	case typeXDP:
		return xdpPrivate
	case typeMessage:
		return msgPrivate
	}
	return 0
}

// packetArgs says which helpers take packet pointers in programs of a kernel type
// (may_access_direct_pkt_data, kernel/bpf/verifier.c, Linux 6.18).
func packetArgs(kernel uint32) abi.PacketArgs {
	switch kernel {
	case 13: // sock_ops
		return abi.PacketArgsNone
	case 25: // sockopt, whose packet is the option's value
		return abi.PacketArgsAll
	}
	return abi.PacketArgsFlagged
}
