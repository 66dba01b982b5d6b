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
// Different from there (see docs/ENVIRONMENT.md, too):
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
// The parts "devices", "routes", "neighbours", "tunnel", "sockets" and
// "flow_dissector" of the environment are the set's: docs/ENVIRONMENT.md.
//
// # What a run leaves
//
// Redirects, clones, options that were set, sockets that were chosen or put into
// maps are records, named by their helper: of a redirect Args are the interface and
// the flags, of one through a map Map and Key say which element, and Args the
// flags. A redirect counts if the program returns that it wants one. A flow
// dissector leaves its keys as a record "flow_keys".
package networking
