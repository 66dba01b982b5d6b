package networking

import "github.com/bpfc/bpfc/core/abi"

// skb is struct __sk_buff with every field that some program type may use
// (include/uapi/linux/bpf.h and bpf_skb_is_valid_access, net/core/filter.c, Linux 6.18).
// The types' views of it are made below.
func skb() abi.Context {
	cb := narrow("cb", 48, 5)
	cb.NarrowWrite, cb.Wide = true, 8
	return abi.Context{Kind: abi.CtxStruct, Name: "__sk_buff", Size: 192, Fields: []abi.Field{
		narrow("len", 0, 1),
		narrow("pkt_type", 4, 1),
		narrow("mark", 8, 1),
		narrow("queue_mapping", 12, 1),
		narrow("protocol", 16, 1),
		narrow("vlan_present", 20, 1),
		narrow("vlan_tci", 24, 1),
		narrow("vlan_proto", 28, 1),
		narrow("priority", 32, 1),
		narrow("ingress_ifindex", 36, 1),
		narrow("ifindex", 40, 1),
		narrow("tc_index", 44, 1),
		cb,
		narrow("hash", 68, 1),
		narrow("tc_classid", 72, 1),
		packet("data", abi.FieldPacketStart, 76, 4),
		packet("data_end", abi.FieldPacketEnd, 80, 4),
		narrow("napi_id", 84, 1),
		narrow("family", 88, 1),
		array("remote_ip4", 92, 1),
		array("local_ip4", 96, 1),
		array("remote_ip6", 100, 4),
		array("local_ip6", 116, 4),
		narrow("remote_port", 132, 1),
		narrow("local_port", 136, 1),
		packet("data_meta", abi.FieldPacketMeta, 140, 4),
		{Name: "flow_keys", Kind: abi.FieldFlowKeys, Offset: 144, Size: 8, Struct: "bpf_flow_keys"},
		whole("tstamp", 152, 8),
		narrow("wire_len", 160, 1),
		narrow("gso_segs", 164, 1),
		orNull("sk", 168, "bpf_sock_common"),
		narrow("gso_size", 176, 1),
		whole("tstamp_type", 180, 1),
		whole("hwtstamp", 184, 8),
	}}
}

// endpoint are the fields of __sk_buff that describe its socket's connection.
const endpoint = " family remote_ip4 local_ip4 remote_ip6 local_ip6 remote_port local_port "

// socketSkb is __sk_buff of socket filters (sk_filter_is_valid_access).
func socketSkb() abi.Context {
	return writable(without(skb(), "tc_classid data data_end data_meta flow_keys tstamp wire_len tstamp_type hwtstamp"+endpoint), "cb")
}

// tcSkb is __sk_buff of classifiers and actions (tc_cls_act_is_valid_access).
func tcSkb() abi.Context {
	return writable(without(skb(), "flow_keys"+endpoint), "mark queue_mapping priority tc_index cb tc_classid tstamp")
}

// cgroupSkb is __sk_buff of cgroup filters (cg_skb_is_valid_access).
func cgroupSkb() abi.Context {
	return writable(without(skb(), "tc_classid data_meta flow_keys wire_len tstamp_type"), "mark priority cb tstamp")
}

// tunnelSkb is __sk_buff of lightweight tunnels (lwt_is_valid_access).
func tunnelSkb() abi.Context {
	return writable(without(skb(), "tc_classid data_meta flow_keys tstamp wire_len tstamp_type hwtstamp"+endpoint), "mark priority cb")
}

// streamSkb is __sk_buff of sockmap programs (sk_skb_is_valid_access).
func streamSkb() abi.Context {
	return writable(without(skb(), "mark tc_classid data_meta flow_keys tstamp wire_len tstamp_type hwtstamp"), "priority tc_index")
}

// dissectorSkb is __sk_buff of flow dissectors (flow_dissector_is_valid_access).
func dissectorSkb() abi.Context { return only(skb(), "data data_end flow_keys") }
