// Package networking declares the program types of Linux's network stack, their
// contexts field by field, and the helpers that belong to them, and runs these
// helpers in Go. The facts are those of Linux 6.18; tests compare them with the
// running kernel: what its verifier allows, and what BPF_PROG_TEST_RUN does.
//
// # A run
//
// A run begins as in BPF_PROG_TEST_RUN: the packet has an Ethernet header and
// came in by the loopback interface unless the context says otherwise; classifiers
// and actions see that header, other programs with a struct __sk_buff see the
// packet from its network header on, and give it out with a link header of zeros.
// An input may set those fields of its context that the kernel's test takes.
// Different from there:
//
//   - Packets are in one piece, however long, and may be of IP with a header that is cut off.
//   - wire_len is the packet's length if the input does not say it.
//   - bpf_get_hash_recalc is the same hash on each machine: see hash.go.
//   - Programs of type tcx/ingress are at ingress, so that bpf_sk_assign works in them.
//   - There is memory before a packet for 16 KiB of headers; more is ENOMEM.
//   - Types that the kernel's test does not run have runs too: of streams, messages, sockets and their options.
//
// # The environment
//
// Without an environment every interface number is an Ethernet interface of 1500
// bytes, there are no routes and no sockets but the one that a packet belongs to.
// These parts of it are the set's, each JSON; a field that is not known is an error:
//
//	devices     [{"ifindex", "name", "mac", "mtu", "addresses": ["10.0.0.1/24"], "no_forwarding", "down", "no_link_header", "rx_queues"}]
//	            All interfaces but the loopback one. Addresses bring routes to themselves and to their networks.
//	routes      [{"prefix", "gateway", "ifindex", "table", "metric", "mtu", "type", "source", "encap"}]
//	            The type is unicast if it is not given, blackhole, unreachable, prohibit, local, broadcast or multicast.
//	neighbours  [{"ifindex", "address", "mac", "invalid"}]
//	tunnel      {"id", "remote", "local", "tos", "ttl", "label", "flags", "options"}
//	            The tunnel that packets came out of; options are hexadecimal digits.
//	sockets     [{"proto", "local", "remote", "state", "ifindex", "mark", "priority", "v6only", "cookie", "netns_cookie",
//	             "uid", "classid", "cgroups", "packet", "tcp"}]
//	            States are as ss prints them. Cgroups are numbers from the root's on. Packets belong to the socket
//	            with "packet". Fields of "tcp" are those of struct bpf_tcp_sock.
//
// # What a run leaves
//
// Redirects, clones, options that were set, sockets that were chosen or put into
// maps are records, named by their helper: of a redirect Args are the interface and
// the flags, of one through a map Map and Key say which element, and Args the
// flags. A redirect counts if the program returns that it wants one. A flow
// dissector leaves its keys as a record "flow_keys".
package networking
