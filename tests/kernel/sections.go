package kernel

import "strings"

// sectionType is the program and attach type that a section's name means.
type sectionType struct {
	prefix       string
	kind, attach uint32
}

// sectionTypes are the section names of libbpf 1.6 and of the loaders before
// it, with the numbers of enum bpf_prog_type and enum bpf_attach_type
// (include/uapi/linux/bpf.h, Linux 6.18). The longest prefix wins. It does not
// use our sets, on purpose: they are what is compared.
var sectionTypes = []sectionType{
	{"socket", 1, 0},
	{"kprobe", 2, 0}, {"kretprobe", 2, 0}, {"uprobe", 2, 0}, {"uretprobe", 2, 0}, {"ksyscall", 2, 0}, {"kretsyscall", 2, 0}, {"usdt", 2, 0},
	{"tc", 3, 0}, {"tc/ingress", 3, 46}, {"tc/egress", 3, 47}, {"tcx/ingress", 3, 46}, {"tcx/egress", 3, 47}, {"classifier", 3, 0}, {"cls", 3, 0},
	{"action", 4, 0},
	{"tracepoint", 5, 0}, {"tp/", 5, 0},
	{"xdp", 6, 0}, {"xdp/devmap", 6, 33}, {"xdp/cpumap", 6, 35}, {"xdp.frags/devmap", 6, 33}, {"xdp.frags/cpumap", 6, 35},
	{"perf_event", 7, 0},
	{"cgroup/skb", 8, 0}, {"cgroup_skb/ingress", 8, 0}, {"cgroup_skb/egress", 8, 1}, {"cgroup_skb", 8, 0},
	{"cgroup/sock", 9, 2}, {"cgroup/sock_create", 9, 2}, {"cgroup/sock_release", 9, 34}, {"cgroup/post_bind4", 9, 12}, {"cgroup/post_bind6", 9, 13},
	{"lwt_in", 10, 0}, {"lwt_out", 11, 0}, {"lwt_xmit", 12, 0}, {"lwt_seg6local", 19, 0},
	{"sockops", 13, 3},
	{"sk_skb", 14, 0}, {"sk_skb/stream_parser", 14, 4}, {"sk_skb/stream_verdict", 14, 5}, {"sk_skb/verdict", 14, 38},
	{"cgroup/dev", 15, 6},
	{"sk_msg", 16, 7},
	{"raw_tracepoint", 17, 0}, {"raw_tp", 17, 0}, {"raw_tracepoint.w", 24, 0}, {"raw_tp.w", 24, 0},
	{"cgroup/bind4", 18, 8}, {"cgroup/bind6", 18, 9}, {"cgroup/connect4", 18, 10}, {"cgroup/connect6", 18, 11},
	{"cgroup/sendmsg4", 18, 14}, {"cgroup/sendmsg6", 18, 15}, {"cgroup/recvmsg4", 18, 19}, {"cgroup/recvmsg6", 18, 20},
	{"cgroup/getpeername4", 18, 29}, {"cgroup/getpeername6", 18, 30}, {"cgroup/getsockname4", 18, 31}, {"cgroup/getsockname6", 18, 32},
	{"sk_reuseport", 21, 39}, {"sk_reuseport/migrate", 21, 40},
	{"flow_dissector", 22, 17},
	{"cgroup/sysctl", 23, 18},
	{"cgroup/getsockopt", 25, 21}, {"cgroup/setsockopt", 25, 22},
	{"sk_lookup", 30, 36},
	{"syscall", 31, 0},
	{"netfilter", 32, 45},
}

// SectionType returns the program and attach type that a section's name means, and whether it means one.
func SectionType(section string) (kind, attach uint32, ok bool) {
	best := -1
	section = strings.TrimPrefix(section, "?")
	for i, s := range sectionTypes {
		if strings.HasPrefix(section, s.prefix) && (best < 0 || len(s.prefix) > len(sectionTypes[best].prefix)) {
			best = i
		}
	}
	if best < 0 {
		return 0, 0, false
	}
	return sectionTypes[best].kind, sectionTypes[best].attach, true
}
