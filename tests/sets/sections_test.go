package sets

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// sections are those that libbpf 1.5 knows, with the kernel's numbers of the program type and of the
// attach type, and whether the programs may sleep. A plus says that a target may follow.
var sections = []struct {
	name           string
	kernel, attach uint32
	sleeps         bool
}{
	{"socket", 1, 0, false},
	{"sk_reuseport/migrate", 21, 40, false},
	{"sk_reuseport", 21, 39, false},
	{"kprobe+", 2, 0, false},
	{"uprobe+", 2, 0, false},
	{"uprobe.s+", 2, 0, true},
	{"kretprobe+", 2, 0, false},
	{"uretprobe+", 2, 0, false},
	{"uretprobe.s+", 2, 0, true},
	{"kprobe.multi+", 2, 42, false},
	{"kretprobe.multi+", 2, 42, false},
	{"kprobe.session+", 2, 56, false},
	{"uprobe.multi+", 2, 48, false},
	{"uretprobe.multi+", 2, 48, false},
	{"uprobe.session+", 2, 57, false},
	{"uprobe.multi.s+", 2, 48, true},
	{"uretprobe.multi.s+", 2, 48, true},
	{"uprobe.session.s+", 2, 57, true},
	{"ksyscall+", 2, 0, false},
	{"kretsyscall+", 2, 0, false},
	{"usdt+", 2, 0, false},
	{"usdt.s+", 2, 0, true},
	{"tc/ingress", 3, 46, false},
	{"tc/egress", 3, 47, false},
	{"tcx/ingress", 3, 46, false},
	{"tcx/egress", 3, 47, false},
	{"tc", 3, 0, false},
	{"classifier", 3, 0, false},
	{"action", 4, 0, false},
	{"netkit/primary", 3, 54, false},
	{"netkit/peer", 3, 55, false},
	{"tracepoint+", 5, 0, false},
	{"tp+", 5, 0, false},
	{"raw_tracepoint+", 17, 0, false},
	{"raw_tp+", 17, 0, false},
	{"raw_tracepoint.w+", 24, 0, false},
	{"raw_tp.w+", 24, 0, false},
	{"tp_btf+", 26, 23, false},
	{"fentry+", 26, 24, false},
	{"fmod_ret+", 26, 26, false},
	{"fexit+", 26, 25, false},
	{"fentry.s+", 26, 24, false},
	{"fmod_ret.s+", 26, 26, false},
	{"fexit.s+", 26, 25, false},
	{"freplace+", 28, 0, false},
	{"lsm+", 29, 27, false},
	{"lsm.s+", 29, 27, false},
	{"lsm_cgroup+", 29, 43, false},
	{"iter+", 26, 28, false},
	{"iter.s+", 26, 28, false},
	{"syscall", 31, 0, true},
	{"xdp.frags/devmap", 6, 33, false},
	{"xdp/devmap", 6, 33, false},
	{"xdp.frags/cpumap", 6, 35, false},
	{"xdp/cpumap", 6, 35, false},
	{"xdp.frags", 6, 37, false},
	{"xdp", 6, 37, false},
	{"perf_event", 7, 0, false},
	{"lwt_in", 10, 0, false},
	{"lwt_out", 11, 0, false},
	{"lwt_xmit", 12, 0, false},
	{"lwt_seg6local", 19, 0, false},
	{"sockops", 13, 3, false},
	{"sk_skb/stream_parser", 14, 4, false},
	{"sk_skb/stream_verdict", 14, 5, false},
	{"sk_skb/verdict", 14, 38, false},
	{"sk_skb", 14, 0, false},
	{"sk_msg", 16, 7, false},
	{"lirc_mode2", 20, 16, false},
	{"flow_dissector", 22, 17, false},
	{"cgroup_skb/ingress", 8, 0, false},
	{"cgroup_skb/egress", 8, 1, false},
	{"cgroup/skb", 8, 0, false},
	{"cgroup/sock_create", 9, 2, false},
	{"cgroup/sock_release", 9, 34, false},
	{"cgroup/sock", 9, 2, false},
	{"cgroup/post_bind4", 9, 12, false},
	{"cgroup/post_bind6", 9, 13, false},
	{"cgroup/bind4", 18, 8, false},
	{"cgroup/bind6", 18, 9, false},
	{"cgroup/connect4", 18, 10, false},
	{"cgroup/connect6", 18, 11, false},
	{"cgroup/connect_unix", 18, 49, false},
	{"cgroup/sendmsg4", 18, 14, false},
	{"cgroup/sendmsg6", 18, 15, false},
	{"cgroup/sendmsg_unix", 18, 50, false},
	{"cgroup/recvmsg4", 18, 19, false},
	{"cgroup/recvmsg6", 18, 20, false},
	{"cgroup/recvmsg_unix", 18, 51, false},
	{"cgroup/getpeername4", 18, 29, false},
	{"cgroup/getpeername6", 18, 30, false},
	{"cgroup/getpeername_unix", 18, 52, false},
	{"cgroup/getsockname4", 18, 31, false},
	{"cgroup/getsockname6", 18, 32, false},
	{"cgroup/getsockname_unix", 18, 53, false},
	{"cgroup/sysctl", 23, 18, false},
	{"cgroup/getsockopt", 25, 21, false},
	{"cgroup/setsockopt", 25, 22, false},
	{"cgroup/dev", 15, 6, false},
	{"struct_ops+", 27, 0, false},
	{"struct_ops.s+", 27, 0, false},
	{"sk_lookup", 30, 36, false},
	{"netfilter", 32, 45, false},
}

// A section gives the type that libbpf gives it. Programs of types that are not decided have no need of more.
func TestSectionsAreThoseOfLibbpf(t *testing.T) {
	s := Merged(t)
	for _, want := range sections {
		name, target := strings.CutSuffix(want.name, "+")
		names := []string{name}
		if target {
			names = append(names, name+"/some/target", name+"/x")
		}
		for _, name := range names {
			typ, ok := s.SectionType(name)
			require.True(t, ok, name)
			require.Equal(t, [2]uint32{want.kernel, want.attach}, [2]uint32{typ.Kernel, typ.Attach}, name)
			require.True(t, typ.Unsupported != "" || typ.Sleepable == want.sleeps, name)
		}
	}
}
