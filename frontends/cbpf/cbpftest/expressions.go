package cbpftest

import (
	"fmt"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/bpfc/bpfc/frontends/cbpf"
)

// primitives are expressions of pcap-filter(7) for Ethernet that ask for one thing.
var primitives = strings.Split(strings.TrimSpace(`
ip
ip6
arp
rarp
tcp
udp
icmp
icmp6
sctp
ah
esp
igmp
vrrp
pim
stp
ipx
iso
clnp
esis
isis
atalk
decnet
netbeui
aarp
host 10.0.0.1
src host 10.0.0.1
dst host 192.168.1.1
net 192.168.1.0/24
src net 10.0.0.0/8
dst net 224.0.0.0/4
net 10
ip6 host 2001:db8::1
ip6 src host fe80::1
ip6 net 2001:db8::/32
ip6 dst net ff00::/8
ether host 02:00:00:00:00:01
ether src 02:00:00:00:00:01
ether dst ff:ff:ff:ff:ff:ff
ether broadcast
ether multicast
broadcast
multicast
ip broadcast
ip multicast
ip6 multicast
port 80
tcp port 80
udp port 53
src port 22
dst port 443
tcp src port 8080
tcp dst port 80
sctp port 80
portrange 20-80
tcp portrange 1-1023
udp src portrange 1024-65535
udp dst portrange 53-80
ip proto 6
ip proto 47
ip6 proto 58
ip6 proto 44
proto 17
ether proto 0x800
ether proto 0x8863
ether proto 0x9000
less 64
greater 100
len > 60
len <= 128
len = 74
vlan
vlan 100
vlan and vlan 200
vlan and ip
vlan 100 and tcp port 80
mpls
mpls 1000
mpls and ip
mpls and mpls 16
pppoed
pppoes
pppoes 1
pppoes and ip
pppoes and ip6
llc
llc i
llc u
llc s
ip protochain 6
ip6 protochain 6
ip6 protochain 17
ip protochain 51
protochain 58
tcp[tcpflags] & tcp-syn != 0
tcp[tcpflags] & (tcp-syn|tcp-fin) != 0
tcp[tcpflags] = tcp-ack
tcp[13] & 2 = 2
tcp[13] = 0x12
tcp[0:2] = 80
tcp[2:2] > 1023
tcp[4:4] & 0xff = 7
tcp[((tcp[12] & 0xf0) >> 2):4] = 0x47455420
tcp[((tcp[12:1] & 0xf0) >> 2):4] = 0x5353482d
udp[4:2] < 32
udp[8] = 1
icmp[icmptype] = icmp-echo
icmp[icmptype] = icmp-echoreply
icmp[0] = 3 and icmp[1] = 1
icmp6[icmp6type] = icmp6-neighborsolicit
icmp6[0] = 128
ip[0] & 0xf != 5
ip[6:2] & 0x1fff = 0
ip[6:2] & 0x2000 != 0
ip[8] < 5
ip[8] = 64
ip[1] & 0xfc = 0xb8
ip[2:2] > 100
ip[12:4] = 0x0a000001
ip[2:2] - ((ip[0] & 0xf) << 2) > 40
ip[2:2] % 4 = 0
ip[2:2] * 2 < 200
ip[2:2] / 4 = 10
ip[4:2] ^ 0x5555 > 0x4000
ip[4:2] | 0xff = 0x12ff
ip[8] << 2 > 200
ip[8] >> 4 = 4
(ip[2:2] - ((ip[0] & 0xf) << 2)) - ((tcp[12] & 0xf0) >> 2) != 0
ip6[6] = 6
ip6[40] = 0
ip6[4:2] > 60
ip6[6] = 44 and ip6[42:2] & 0xfff8 = 0
arp[6:2] = 1
arp[7] = 2
arp[24:4] = 0x0a000002
ether[0] & 1 = 1
ether[12:2] = 0x800
ether[12:2] <= 1500
ether[20:2] / ether[16] > 3
ether[0:4] % ether[14] = 1
ether[-1] = 0
ether[len - 1] = 0
ether[ether[14] & 31] > 7
ip[len - 30] = 0
0 = 0
1 = 2
5 - 3 = 2
ether[4] + ether[5] > 255
ether[14] * ether[15] != len
ether[14] - len < 10
`), "\n")

// joins combine primitives; each %s is one.
var joins = []string{"not (%s)", "(%s) and (%s)", "(%s) or (%s)", "(%s) and not (%s)", "(%s) or (%s) or (%s)", "((%s) or (%s)) and (%s)", "not ((%s) and (%s))"}

// written are longer expressions, as people write them.
var written = []string{
	"tcp port 80 and (((ip[2:2] - ((ip[0]&0xf)<<2)) - ((tcp[12]&0xf0)>>2)) != 0)",
	"host 10.0.0.1 and (port 80 or port 443 or port 8080)",
	"(tcp or udp) and port 53 and not net 192.168.1.0/24",
	"tcp[tcpflags] & (tcp-syn|tcp-ack) == tcp-syn and dst port 22",
	"port 22 or port 53 or port 80 or port 443 or port 1024 or port 8080 or port 9000 or port 9001",
	"host 10.0.0.1 or host 10.0.0.2 or host 192.168.1.1 or host 192.168.1.77 or host 127.0.0.1",
	"ip and not host 10.0.0.1 and not host 10.0.0.2 and not tcp port 22",
	"icmp or icmp6 or arp",
	"ether host 02:00:00:00:00:01 and not (arp or stp or broadcast)",
	"vlan 100 and (ip host 10.0.0.1 or ip6 host 2001:db8::1)",
	"(vlan and tcp) or tcp",
	"ip6 and not icmp6 and (tcp port 443 or udp port 443)",
	"greater 200 and tcp and src net 10.0.0.0/8",
	"ip[6:2] & 0x3fff != 0 and udp",
	"tcp portrange 1-1023 and not (src net 10.0.0.0/8 and dst net 192.168.0.0/16)",
	"ip6 protochain 6 or ip protochain 17",
}

// Expressions are more than 200 expressions of pcap-filter(7) for Ethernet.
func Expressions() []string {
	m := maker{newRand(3)}
	all := append(append([]string(nil), primitives...), written...)
	for i := range 90 {
		join := joins[i%len(joins)]
		var parts []any
		for range strings.Count(join, "%s") {
			parts = append(parts, m.plain())
		}
		all = append(all, fmt.Sprintf(join, parts...))
	}
	return all
}

// plain is a primitive that changes nothing for those after it, as vlan does.
func (m *maker) plain() string {
	for {
		p := primitives[m.IntN(len(primitives))]
		if !strings.Contains(p, "vlan") && !strings.Contains(p, "mpls") && !strings.Contains(p, "pppoe") {
			return p
		}
	}
}

// Compile compiles an expression with `tcpdump -ddd`, optimised or not; the test is skipped without tcpdump. ok is
// false if this tcpdump has no such expression, or has found that it never holds.
func Compile(t testing.TB, expr string, optimise bool) (insns []cbpf.Insn, ok bool) {
	t.Helper()
	key := compiling{expr, optimise}
	if known, ok := compiled.Load(key); ok {
		return known.([]cbpf.Insn), len(known.([]cbpf.Insn)) > 0
	}
	insns = compile(t, expr, optimise)
	compiled.Store(key, insns)
	return insns, len(insns) > 0
}

// compiled are the filters that a process has compiled, by compiling: several tests ask for the same, and each is a process.
var compiled sync.Map

type compiling struct {
	expr     string
	optimise bool
}

// compile is nil if tcpdump refuses the expression.
func compile(t testing.TB, expr string, optimise bool) []cbpf.Insn {
	t.Helper()
	path, err := exec.LookPath("tcpdump")
	if err != nil {
		t.Skip("no tcpdump")
	}
	args := []string{"-y", "EN10MB", "-ddd", expr}
	if !optimise {
		args = append([]string{"-O"}, args...)
	}
	out, err := exec.Command(path, args...).Output()
	if err != nil {
		return nil
	}
	f, err := cbpf.Parse(expr, out, cbpf.Decimal)
	if err != nil {
		t.Fatalf("%s: %v", expr, err)
	}
	return f.Insns
}
