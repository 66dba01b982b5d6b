package networking_test

import (
	"encoding/binary"
	"math/rand"
	"net/netip"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// A network of its own, which ends with the test: the kernel's answers about
// routes and sockets are compared with ours about the same network.

const routesScript = `
ip link set lo up
ip link add name e0 index 5 type veth peer name p0 index 15
ip link add name e1 index 6 type veth peer name p1 index 16
ip link set e0 address 02:00:00:00:00:05
ip link set e1 address 02:00:00:00:00:06 mtu 1400
ip addr add 10.0.0.1/24 dev e0
ip addr add 10.9.0.1/24 dev e1
ip addr add fd00::1/64 dev e0 nodad
ip addr add fd09::1/64 dev e1 nodad
ip link set e0 up
ip link set p0 up
ip link set e1 up
ip link set p1 up
echo 1 > /proc/sys/net/ipv4/ip_forward
echo 1 > /proc/sys/net/ipv6/conf/all/forwarding
echo 0 > /proc/sys/net/ipv4/conf/p1/forwarding
echo 0 > /proc/sys/net/ipv6/conf/p1/forwarding
ip route add 10.1.0.0/16 via 10.0.0.2
ip route add 10.1.2.0/24 via 10.9.0.2 metric 7
ip route add 10.1.2.0/24 via 10.0.0.2 metric 3
ip route add blackhole 10.2.1.0/24
ip route add unreachable 10.2.2.0/24
ip route add prohibit 10.2.3.0/24
ip route add 10.3.0.0/16 via 10.0.0.2 mtu lock 1300
ip route add 10.4.0.0/16 via 10.0.0.77
ip route add 10.5.0.0/16 via inet6 fd00::2 dev e0
ip route add 10.6.0.0/16 via 10.0.0.2 src 10.9.0.1
ip route add default via 10.9.0.2 table 100
ip -6 route add fd01::/48 via fd00::2
ip -6 route add blackhole fd02:1::/48
ip -6 route add unreachable fd02:2::/48
ip -6 route add prohibit fd02:3::/48
ip -6 route add fd03::/48 via fd09::2 metric 9
ip -6 route add fd04::/48 via fd00::77
ip -6 route add default via fd09::2 table 100
ip neigh add 10.0.0.2 lladdr 02:00:00:00:01:02 dev e0 nud permanent
ip neigh add 10.9.0.2 lladdr 02:00:00:00:01:09 dev e1 nud permanent
ip neigh add fd00::2 lladdr 02:00:00:00:02:02 dev e0 nud permanent
ip neigh add fd09::2 lladdr 02:00:00:00:02:09 dev e1 nud permanent
`

// routesEnv is the same network as an environment.
var routesEnv = map[string]string{
	"devices": `[
		{"ifindex": 5, "name": "e0", "mac": "02:00:00:00:00:05", "addresses": ["10.0.0.1/24", "fd00::1/64"]},
		{"ifindex": 6, "name": "e1", "mac": "02:00:00:00:00:06", "mtu": 1400, "addresses": ["10.9.0.1/24", "fd09::1/64"]},
		{"ifindex": 15, "name": "p0"}, {"ifindex": 16, "name": "p1", "no_forwarding": true}]`,
	"routes": `[
		{"prefix": "10.1.0.0/16", "gateway": "10.0.0.2", "ifindex": 5},
		{"prefix": "10.1.2.0/24", "gateway": "10.9.0.2", "ifindex": 6, "metric": 7},
		{"prefix": "10.1.2.0/24", "gateway": "10.0.0.2", "ifindex": 5, "metric": 3},
		{"prefix": "10.2.1.0/24", "type": "blackhole"}, {"prefix": "10.2.2.0/24", "type": "unreachable"}, {"prefix": "10.2.3.0/24", "type": "prohibit"},
		{"prefix": "10.3.0.0/16", "gateway": "10.0.0.2", "ifindex": 5, "mtu": 1300},
		{"prefix": "10.4.0.0/16", "gateway": "10.0.0.77", "ifindex": 5},
		{"prefix": "10.5.0.0/16", "gateway": "fd00::2", "ifindex": 5},
		{"prefix": "10.6.0.0/16", "gateway": "10.0.0.2", "ifindex": 5, "source": "10.9.0.1"},
		{"prefix": "0.0.0.0/0", "gateway": "10.9.0.2", "ifindex": 6, "table": 100},
		{"prefix": "fd01::/48", "gateway": "fd00::2", "ifindex": 5, "metric": 1024},
		{"prefix": "fd02:1::/48", "type": "blackhole"}, {"prefix": "fd02:2::/48", "type": "unreachable"}, {"prefix": "fd02:3::/48", "type": "prohibit"},
		{"prefix": "fd03::/48", "gateway": "fd09::2", "ifindex": 6, "metric": 9},
		{"prefix": "fd04::/48", "gateway": "fd00::77", "ifindex": 5, "metric": 1024},
		{"prefix": "::/0", "gateway": "fd09::2", "ifindex": 6, "table": 100, "metric": 1024}]`,
	"neighbours": `[
		{"ifindex": 5, "address": "10.0.0.2", "mac": "02:00:00:00:01:02"}, {"ifindex": 6, "address": "10.9.0.2", "mac": "02:00:00:00:01:09"},
		{"ifindex": 5, "address": "fd00::2", "mac": "02:00:00:00:02:02"}, {"ifindex": 6, "address": "fd09::2", "mac": "02:00:00:00:02:09"}]`,
}

// ownNetwork puts the test's thread, which ends with it, into a network of its own.
func ownNetwork(t *testing.T, script string) {
	runtime.LockOSThread()
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		t.Skipf("no network of its own for this process: %v", err)
	}
	if out, err := exec.Command("sh", "-e", "-c", script).CombinedOutput(); err != nil {
		t.Skipf("the network cannot be made: %v: %s", err, out)
	}
}

func TestRoutesAreTheKernels(t *testing.T) {
	k := needTestRun(t)
	ownNetwork(t, routesScript)
	dst := strings.Fields("10.0.0.2 10.0.0.7 10.0.0.1 10.0.0.255 10.1.9.9 10.1.2.3 10.2.1.1 10.2.2.2 10.2.3.3 10.3.0.1 10.4.0.1 10.5.0.1 10.6.0.1 10.77.0.1 127.0.0.1 224.0.0.1 10.9.0.2 " +
		"fd00::2 fd00::7 fd00::1 fd01::1 fd02:1::1 fd02:2::1 fd02:3::1 fd03::1 fd04::1 fd77::1 ff02::1 fe80::1 ::1 fd09::2")
	src := strings.Fields("10.0.0.9 10.9.0.9 fd00::9 fe80::9")
	results := map[uint64]int{}
	for seed := range rounds(600) {
		d := draw{rand.New(rand.NewSource(int64(seed)))}
		to, from := netip.MustParseAddr(pick(d, dst...)), netip.MustParseAddr(pick(d, src...))
		p := d.bytes(64)
		p[0] = 2
		if to.Is6() {
			p[0] = 10
		}
		binary.LittleEndian.PutUint16(p[6:], uint16(pick(d, 0, 0, 100, 1300, 1301, 1400, 1401, 1500, 1501, 9000)))
		binary.LittleEndian.PutUint32(p[8:], uint32(pick(d, 5, 5, 6, 15, 16, 99)))
		p[12] = 0
		copy(p[16:], from.AsSlice())
		copy(p[32:], to.AsSlice())
		binary.LittleEndian.PutUint32(p[48:], uint32(pick(d, 100, 254, 77)))
		flags := uint64(d.Intn(64))
		typ := k.typ(pick(d, "xdp", "sched_cls"))
		script := []scripted{{"bpf_fib_lookup", []arg{ctxArg(), in(0, p), num(64), num(flags)}}}
		packet := append(make([]byte, 60), d.bytes(pick(d, 0, 1300, 1360, 1500))...)
		if !k.compareIn(t, routesEnv, typ, script, nil, nil, packet) {
			t.Fatalf("seed %d: from %v to %v", seed, from, to)
		}
		results[k.last]++
	}
	require.GreaterOrEqual(t, len(results), 9, "every result but those of tunnels should have come: %v", results)
}

func TestMTUsAreTheKernels(t *testing.T) {
	k := needTestRun(t)
	ownNetwork(t, routesScript)
	for seed := range rounds(100) {
		d := draw{rand.New(rand.NewSource(int64(seed)))}
		size := make([]byte, 4)
		binary.LittleEndian.PutUint32(size, uint32(pick(d, 0, 0, 1400, 1401, 1500, 1501)))
		index, diff := uint64(pick(d, 0, 1, 5, 6, 99)), uint64(int64(pick(d, 0, 1, -1, 14, 200, -200)))
		script := []scripted{{"bpf_check_mtu", []arg{ctxArg(), num(index), in(0, size), num(diff), num(0)}}}
		packet := slices.Concat(make([]byte, 60), d.bytes(pick(d, 0, 1340, 1354, 1355, 1440, 1454, 1455)))
		if d.Intn(3) == 0 { // a large packet, with a transport header or without
			ctx := make([]byte, 192)
			binary.LittleEndian.PutUint16(ctx[176:], uint16(pick(d, 100, 1400, 1470, 1500, 1600)))
			script = []scripted{
				{"bpf_skb_change_head", []arg{ctxArg(), num(uint64(pick(d, 0, 64, 65, 200))), num(0)}},
				{"bpf_check_mtu", []arg{ctxArg(), num(index), in(1, make([]byte, 4)), num(0), num(1)}},
			}
			require.True(t, k.compareIn(t, routesEnv, k.typ("sched_cls"), script, nil, ctx, packet), "seed %d", seed)
			continue
		}
		require.True(t, k.compareIn(t, routesEnv, k.typ(pick(d, "xdp", "sched_cls")), script, nil, nil, packet), "seed %d", seed)
	}
}

// Copies go to interfaces of the test's own network, whose other ends nobody listens at.
func TestClonesAreTheKernels(t *testing.T) {
	k := needTestRun(t)
	ownNetwork(t, `
ip link set lo up
ip link add name e0 index 5 type veth peer name p0 index 15
ip link add name e1 index 6 type veth peer name p1 index 16
ip link set e0 up
ip link set p0 up
for i in 1 2 3 4 5 6 7 8 9 10; do ip -o link show up | grep -q 'e0.*state UP' && ip -o link show up | grep -q 'p0.*state UP' && break; sleep 0.1; done
`)
	env := map[string]string{"devices": `[{"ifindex": 5}, {"ifindex": 6, "down": true}, {"ifindex": 15}, {"ifindex": 16, "down": true}]`}
	for _, name := range []string{"sched_cls", "sched_act", "lwt_xmit"} {
		for _, size := range []int{14, 60, 1500} {
			for _, index := range []uint64{0, 1, 5, 6, 15, 16, 99, 1 << 31} {
				for _, flags := range []uint64{0, 1, 2, 1 << 16, 1 << 40} {
					script := []scripted{{"bpf_clone_redirect", []arg{ctxArg(), num(index), num(flags)}}}
					require.True(t, k.compareIn(t, env, k.typ(name), script, nil, nil, make([]byte, size)))
				}
			}
		}
	}
}
