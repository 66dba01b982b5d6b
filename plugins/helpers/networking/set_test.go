package networking_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/plugins/helpers/networking"
	"github.com/stretchr/testify/require"
)

func TestSetIsConsistent(t *testing.T) {
	set := networking.Set()
	require.NoError(t, abi.Check(set))
	merged, err := abi.Merge(set)
	require.NoError(t, err)
	for i := range merged.Helpers {
		h := &merged.Helpers[i]
		require.NotEmpty(t, h.C, h.Name)
		for _, s := range append(h.Structs[:], h.RetStruct) {
			require.True(t, s == "" || merged.Struct(s) != nil, "%s: struct %q", h.Name, s)
		}
		require.True(t, h.Flags&abi.FlagInternal != 0 || slices.ContainsFunc(merged.Types, func(typ abi.ProgType) bool { return typ.MayCall(h) }), "nobody may call %s", h.Name)
	}
	for i := range merged.Structs {
		for _, is := range merged.Structs[i].Is {
			require.NotNil(t, merged.Struct(is), merged.Structs[i].Name)
		}
	}
}

func TestFieldsLeadToStructures(t *testing.T) {
	set := networking.Set()
	for _, typ := range set.Types {
		for _, f := range typ.Context.Fields {
			needs := f.Kind == abi.FieldPointer || f.Kind == abi.FieldFlowKeys
			require.Equal(t, needs, f.Struct != "", "%s.%s", typ.Name, f.Name)
			require.True(t, !needs || set.Struct(f.Struct) != nil, "%s.%s", typ.Name, f.Name)
		}
	}
}

func TestListsNameEachHelperOnce(t *testing.T) {
	for _, typ := range networking.Set().Types {
		sorted := slices.Sorted(slices.Values(typ.Helpers))
		require.Equal(t, len(typ.Helpers), len(slices.Compact(sorted)), typ.Name)
	}
}

func TestVariantsAreHelpersOfTheSet(t *testing.T) {
	set := networking.Set()
	for i := range set.Types {
		for _, v := range set.Types[i].Variants {
			require.Equal(t, v.Name, set.HelperFor(&set.Types[i], v.ID).Name)
			if other := set.HelperByID(v.ID); other != nil { // others are base's
				require.Equal(t, other.Name, v.Name)
				require.False(t, other.Args == v.Args && other.Intrinsic == v.Intrinsic, "%s of %s", v.Name, set.Types[i].Name)
			}
		}
	}
}

func TestSectionsNameTypes(t *testing.T) {
	set := networking.Set()
	for section, want := range map[string]string{
		"socket":                    "socket_filter",
		"socket1":                   "socket_filter",
		"socket/http_filter":        "socket_filter",
		"tc":                        "sched_cls",
		"tc/entry":                  "sched_cls",
		"tc_my_prog":                "sched_cls",
		"tc/ingress":                "tcx/ingress",
		"tcx/egress":                "tcx/egress",
		"from-container":            "sched_cls",
		"tail-13":                   "sched_cls",
		"filter":                    "socket_filter",
		"loadbalancer":              "socket_filter",
		"af_xdp":                    "xdp",
		"cgroup_skb":                "cgroup_skb",
		"sched_act":                 "sched_act",
		"classifier":                "sched_cls",
		"classifier/ingress":        "sched_cls",
		"classifier_filter":         "sched_cls",
		"cls_main":                  "sched_cls",
		"action":                    "sched_act",
		"action/drop":               "sched_act",
		"netkit/primary":            "netkit/primary",
		"netkit/peer":               "netkit/peer",
		"xdp":                       "xdp",
		"xdp.frags":                 "xdp",
		"xdp1":                      "xdp",
		"xdp_sock":                  "xdp",
		"xdp/entry":                 "xdp",
		"xdp_devmap/map_prog":       "xdp/devmap",
		"xdp/devmap":                "xdp/devmap",
		"xdp.frags/devmap":          "xdp/devmap",
		"xdp/cpumap":                "xdp/cpumap",
		"xdp_cpumap/dummy":          "xdp/cpumap",
		"cgroup/skb":                "cgroup_skb",
		"cgroup_skb/ingress":        "cgroup_skb",
		"cgroup_skb/egress":         "cgroup_skb/egress",
		"cgroup_skb/egress/x":       "cgroup_skb/egress",
		"cgroup/sock":               "cgroup_sock",
		"cgroup/sock1":              "cgroup_sock",
		"cgroup/sock_create":        "cgroup_sock",
		"cgroup/sock_release":       "cgroup_sock/release",
		"cgroup/post_bind4":         "cgroup_sock/post_bind4",
		"cgroup/post_bind6":         "cgroup_sock/post_bind6",
		"cgroup/bind4":              "sock_addr/bind4",
		"cgroup/connect6":           "sock_addr/connect6",
		"cgroup/connect_unix":       "sock_addr/connect_unix",
		"cgroup/sendmsg4":           "sock_addr/sendmsg4",
		"cgroup/recvmsg6":           "sock_addr/recvmsg6",
		"cgroup/getpeername4":       "sock_addr/getpeername4",
		"cgroup/getsockname_unix":   "sock_addr/getsockname_unix",
		"cgroup/getsockopt":         "sockopt/get",
		"cgroup/setsockopt":         "sockopt/set",
		"cgroup/setsockopt/tos":     "sockopt/set",
		"cgroup/dev":                "cgroup_device",
		"cgroup/sysctl":             "cgroup_sysctl",
		"sockops":                   "sock_ops",
		"sockops1":                  "sock_ops",
		"sk_skb":                    "sk_skb",
		"sk_skb/stream_parser":      "sk_skb/stream_parser",
		"sk_skb/stream_verdict/one": "sk_skb/stream_verdict",
		"sk_skb/verdict":            "sk_skb/verdict",
		"sk_skb1":                   "sk_skb",
		"sk_msg":                    "sk_msg",
		"sk_lookup":                 "sk_lookup",
		"sk_lookup/pass":            "sk_lookup",
		"sk_reuseport":              "sk_reuseport",
		"sk_reuseport/migrate":      "sk_reuseport/migrate",
		"lwt_in":                    "lwt_in",
		"lwt_out":                   "lwt_out",
		"lwt_xmit":                  "lwt_xmit",
		"lwt_seg6local":             "lwt_seg6local",
		"flow_dissector":            "flow_dissector",
		"netfilter":                 "netfilter",
		"kprobe/do_exit":            "",
		"maps":                      "",
		".text":                     "",
		"license":                   "",
		"tcp_congestion":            "",
	} {
		typ, ok := set.SectionType(section)
		require.Equal(t, want != "", ok, section)
		require.Equal(t, want, typ.Name, section)
	}
}

func TestEveryTypeHasASectionOfItsOwn(t *testing.T) {
	set := networking.Set()
	for _, typ := range set.Types {
		require.True(t, slices.ContainsFunc(typ.Sections, func(s string) bool {
			found, ok := set.SectionType(strings.TrimSuffix(s, "*"))
			return ok && found.Name == typ.Name
		}), typ.Name)
	}
}

func TestSetIsTheCallers(t *testing.T) {
	first := networking.Set()
	first.Types[0].Name = "changed"
	first.Types[0].Helpers[0] = "changed"
	first.Types[0].Context.Fields[0].Name = "changed"
	second := networking.Set()
	require.NotEqual(t, "changed", second.Types[0].Name)
	require.NotContains(t, second.Types[0].Helpers, "changed")
	require.NotEqual(t, "changed", second.Types[0].Context.Fields[0].Name)
}

func TestAnOpaqueStructureHasNoFields(t *testing.T) {
	for _, s := range networking.Set().Structs {
		require.Equal(t, s.Opaque, len(s.Fields) == 0, s.Name)
	}
}
