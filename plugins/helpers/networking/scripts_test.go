package networking_test

import (
	"encoding/binary"
	"math/rand"
	"slices"
	"strings"
	"testing"

	"github.com/bpfc/bpfc/core/abi"
)

// drawing makes the arguments of a call of a helper: step says which memory is its own, size how long the packet is.
type drawing func(d draw, step, size int) []arg

// near is a number about as large as a packet is long, or a strange one.
func (d draw) near(size int) uint64 {
	switch d.Intn(12) {
	case 0:
		return uint64(pick(d, -1, 1<<31, 1<<31-1, 0xffff, 0x10000, 1<<32, -14, 1<<32+3))
	case 1, 2:
		return uint64(max(size+d.Intn(8)-4, 0))
	}
	return uint64(d.Intn(size + 2))
}

// flags is some of the flags of a mask, or one that is none.
func (d draw) flags(mask uint64) uint64 {
	switch d.Intn(10) {
	case 0:
		return 1 << d.Intn(64)
	case 1:
		return d.Uint64() & mask
	case 2, 3, 4:
		return 0
	}
	return d.Uint64() & d.Uint64() & mask
}

// big is a 16-bit number in the network's order.
func big(v uint16) uint64 { return uint64(v>>8 | v<<8) }

// some is memory that a helper reads, of n bytes.
func (d draw) some(step, n int) arg {
	b := make([]byte, n)
	if d.Intn(4) > 0 {
		d.Read(b)
	}
	return in(step, b)
}

// drawings are by helper how its calls are drawn.
var drawings = map[string]drawing{
	"bpf_skb_load_bytes": func(d draw, step, size int) []arg {
		return []arg{ctxArg(), num(d.near(size)), in(step, d.bytes(64)), num(uint64(1 + d.Intn(64)))}
	},
	"bpf_skb_load_bytes_relative": func(d draw, step, size int) []arg {
		return []arg{ctxArg(), num(d.near(size)), in(step, d.bytes(64)), num(uint64(1 + d.Intn(64))), num(uint64(d.Intn(3)))}
	},
	"bpf_skb_store_bytes": func(d draw, step, size int) []arg {
		return []arg{ctxArg(), num(d.near(size)), in(step, d.bytes(64)), num(uint64(1 + d.Intn(64))), num(d.flags(3))}
	},
	"bpf_skb_pull_data":   func(d draw, _, size int) []arg { return []arg{ctxArg(), num(d.near(size))} },
	"bpf_skb_change_type": func(d draw, _, _ int) []arg { return []arg{ctxArg(), num(uint64(d.Intn(6)))} },
	"bpf_skb_ecn_set_ce":  func(draw, int, int) []arg { return []arg{ctxArg()} },
	"bpf_get_route_realm": func(draw, int, int) []arg { return []arg{ctxArg()} },
	"bpf_skb_set_tstamp": func(d draw, _, _ int) []arg {
		return []arg{ctxArg(), num(pick(d, 0, d.Uint64())), num(uint64(d.Intn(4)))}
	},
	"bpf_skb_get_xfrm_state": func(d draw, step, _ int) []arg {
		return []arg{ctxArg(), num(uint64(d.Intn(2))), in(step, d.bytes(64)), num(uint64(1 + d.Intn(64))), num(0)}
	},
	"bpf_skb_vlan_push": func(d draw, _, _ int) []arg {
		return []arg{ctxArg(), num(big(pick(d, uint16(0x8100), 0x88a8, 0x0800))), num(uint64(d.Intn(1 << 16)))}
	},
	"bpf_skb_vlan_pop": func(draw, int, int) []arg { return []arg{ctxArg()} },
	// Large packets can grow by more than the kernel's 16-bit offsets hold; what comes of that is nothing to compare with.
	"bpf_skb_change_head": func(d draw, _, _ int) []arg {
		return []arg{ctxArg(), num(pick(d, uint64(d.Intn(80)), uint64(d.Intn(5000)), 14, 1<<31, 1<<32-1, 16064)), num(d.flags(0))}
	},
	"bpf_skb_change_tail": func(d draw, _, size int) []arg {
		return []arg{ctxArg(), num(pick(d, d.near(2*size), 16064, 16065, 5000)), num(d.flags(0))}
	},
	"bpf_skb_change_proto": func(d draw, _, _ int) []arg {
		return []arg{ctxArg(), num(big(pick(d, uint16(0x0800), 0x86dd, 0x0806))), num(d.flags(0))}
	},
	"bpf_skb_adjust_room": func(d draw, _, _ int) []arg {
		diff := int64(pick(d, 0, 4, 8, 20, 24, 28, 40, 50, -4, -8, -20, -24, -28, -40, 4095, 4096, -4096, d.Intn(200)-100))
		flags := pick(d, 0, 0, 1, 2, 4, 10, 12, 18, 32, 0x80, 0x100, 0x42|14<<56, 0x44|20<<56, 6, 0x180, d.flags(0x1ff), d.flags(0x1ff|0xff<<56))
		return []arg{ctxArg(), num(uint64(diff)), num(uint64(pick(d, 0, 1, 1, 2))), num(flags)}
	},
	"bpf_l3_csum_replace": func(d draw, _, size int) []arg {
		return []arg{ctxArg(), num(d.near(size)), num(d.sums()), num(d.sums()), num(pick(d, uint64(0), 2, 4, d.flags(15)))}
	},
	"bpf_l4_csum_replace": func(d draw, _, size int) []arg {
		return []arg{ctxArg(), num(d.near(size)), num(d.sums()), num(d.sums()), num(pick(d, uint64(0), 2, 4) | d.flags(0xf0))}
	},
	"bpf_csum_diff": func(d draw, step, _ int) []arg {
		return []arg{d.some(step, 64), num(uint64(d.Intn(65))), in((step+1)%steps, nil), num(uint64(pick(d, 0, d.Intn(65)))), num(d.sums())}
	},
	"bpf_csum_update":      func(d draw, _, _ int) []arg { return []arg{ctxArg(), num(d.sums())} },
	"bpf_csum_level":       func(d draw, _, _ int) []arg { return []arg{ctxArg(), num(uint64(d.Intn(5)))} },
	"bpf_set_hash":         func(d draw, _, _ int) []arg { return []arg{ctxArg(), num(d.Uint64())} },
	"bpf_set_hash_invalid": func(draw, int, int) []arg { return []arg{ctxArg()} },
	"bpf_skb_get_tunnel_key": func(d draw, step, _ int) []arg {
		return []arg{ctxArg(), in(step, d.bytes(64)), num(d.keySize()), num(d.flags(0x11))}
	},
	"bpf_skb_set_tunnel_key": func(d draw, step, _ int) []arg {
		key := d.bytes(64)
		if d.Intn(4) > 0 {
			clear(key[22:28])
		}
		return []arg{ctxArg(), in(step, key), num(d.keySize()), num(d.flags(0x3f))}
	},
	"bpf_skb_get_tunnel_opt": func(d draw, step, _ int) []arg {
		return []arg{ctxArg(), in(step, d.bytes(64)), num(uint64(1 + d.Intn(64)))}
	},
	"bpf_skb_set_tunnel_opt": func(d draw, step, _ int) []arg {
		return []arg{ctxArg(), in(step, d.bytes(64)), num(uint64(pick(d, 4, 8, 16, 64, 1, 6, 33)))}
	},
	"bpf_redirect":      func(d draw, _, _ int) []arg { return []arg{num(1), num(d.flags(3))} },
	"bpf_redirect_peer": func(d draw, _, _ int) []arg { return []arg{num(1), num(d.flags(0))} },
	"bpf_redirect_neigh": func(d draw, step, _ int) []arg {
		return []arg{num(1), in(step, d.bytes(20)), num(uint64(pick(d, 0, 20, 19, 24))), num(d.flags(0))}
	},
	// The copy never leaves: there is no such device, or the flags are wrong.
	"bpf_clone_redirect": func(d draw, _, _ int) []arg { return []arg{ctxArg(), num(0x7ffffff0), num(d.flags(3))} },
	"bpf_check_mtu": func(d draw, step, size int) []arg {
		b := make([]byte, 4)
		binary.LittleEndian.PutUint32(b, pick(d, uint32(0), uint32(size), 65536, 65537, 1<<31))
		return []arg{ctxArg(), num(uint64(pick(d, 0, 1, 0x7ffffff0))), in(step, b), num(pick(d, uint64(0), 0, 70000, d.near(65536))), num(d.flags(1))}
	},
	"bpf_fib_lookup": func(d draw, step, _ int) []arg {
		b := d.bytes(64)
		b[0] = byte(pick(d, 2, 10, 3))
		binary.LittleEndian.PutUint32(b[8:], 0x7ffffff0)
		return []arg{ctxArg(), in(step, b), num(uint64(pick(d, 64, 63, 1))), num(d.flags(0x3f))}
	},
	"bpf_get_socket_uid":     func(draw, int, int) []arg { return []arg{ctxArg()} },
	"bpf_skb_cgroup_classid": func(draw, int, int) []arg { return []arg{ctxArg()} },

	"bpf_xdp_adjust_head": func(d draw, _, size int) []arg {
		return []arg{ctxArg(), num(uint64(int64(pick(d, d.Intn(80)-40, -216, -217, -256, size-14, size-13, size-d.Intn(30)))))}
	},
	"bpf_xdp_adjust_tail": func(d draw, _, size int) []arg {
		return []arg{ctxArg(), num(uint64(int64(pick(d, d.Intn(80)-40, 3520-size, 3521-size, 14-size, 13-size, 1<<20))))}
	},
	"bpf_xdp_adjust_meta": func(d draw, _, _ int) []arg {
		return []arg{ctxArg(), num(uint64(int64(pick(d, -4, -8, 4, 8, -3, -32, -216, -220, -252, -256, 0))))}
	},
	"bpf_xdp_load_bytes": func(d draw, step, size int) []arg {
		return []arg{ctxArg(), num(d.near(size)), in(step, d.bytes(64)), num(uint64(1 + d.Intn(64)))}
	},
	"bpf_xdp_store_bytes": func(d draw, step, size int) []arg {
		return []arg{ctxArg(), num(d.near(size)), in(step, d.bytes(64)), num(uint64(1 + d.Intn(64)))}
	},
	"bpf_xdp_get_buff_len": func(draw, int, int) []arg { return []arg{ctxArg()} },
}

// sums is a number that checksums are made of: the ends of the range matter.
func (d draw) sums() uint64 {
	return pick(d, uint64(0), 0xffff, 0xffffffff, d.Uint64()&0xffff, d.Uint64()&0xffffffff, d.Uint64())
}

// keySize is a size of struct bpf_tunnel_key, or not.
func (d draw) keySize() uint64 { return pick(d, uint64(44), 44, 28, 24, 22, 8, 40, 1, 48) }

// sequences are calls that do something together which single ones do not.
var sequences = [][]string{
	{"bpf_skb_set_tunnel_key", "bpf_skb_set_tunnel_opt", "bpf_skb_get_tunnel_opt", "bpf_skb_get_tunnel_key"},
	{"bpf_skb_vlan_push", "bpf_skb_vlan_push", "bpf_skb_vlan_pop", "bpf_skb_vlan_pop"},
	{"bpf_skb_vlan_push", "bpf_skb_vlan_push", "bpf_skb_adjust_room", "bpf_skb_change_proto"},
	{"bpf_skb_vlan_pop", "bpf_skb_vlan_push", "bpf_skb_vlan_push", "bpf_skb_ecn_set_ce"},
	{"bpf_csum_level", "bpf_csum_level", "bpf_csum_level", "bpf_csum_level"},
	{"bpf_csum_level", "bpf_csum_level", "bpf_skb_adjust_room", "bpf_csum_level"},
	{"bpf_skb_adjust_room", "bpf_skb_adjust_room", "bpf_skb_adjust_room", "bpf_skb_change_tail"},
	{"bpf_skb_adjust_room", "bpf_skb_vlan_pop", "bpf_skb_load_bytes_relative", "bpf_skb_ecn_set_ce"},
	{"bpf_skb_change_head", "bpf_skb_vlan_push", "bpf_skb_vlan_pop", "bpf_skb_change_proto"},
	{"bpf_skb_change_head", "bpf_skb_change_tail", "bpf_skb_adjust_room", "bpf_skb_load_bytes_relative"},
	{"bpf_skb_change_proto", "bpf_skb_change_proto", "bpf_skb_load_bytes_relative", "bpf_skb_change_tail"},
	{"bpf_skb_change_head", "bpf_check_mtu", "bpf_skb_change_head", "bpf_check_mtu"},
	{"bpf_xdp_adjust_meta", "bpf_xdp_adjust_head", "bpf_xdp_adjust_meta", "bpf_xdp_adjust_tail"},
	{"bpf_xdp_adjust_tail", "bpf_xdp_adjust_head", "bpf_xdp_adjust_tail", "bpf_xdp_store_bytes"},
}

// script is some calls of helpers that the type may call: a sequence, or some of
// all, often of few, which then meet each other's work.
func (d draw) script(names []string, size int) (s []scripted) {
	if calls := sequences[d.Intn(len(sequences))]; d.Intn(2) == 0 && !slices.ContainsFunc(calls, func(name string) bool { return !slices.Contains(names, name) }) {
		for i, name := range calls {
			s = append(s, scripted{name, drawings[name](d, i, size)})
		}
		return s
	}
	if few := 1 + d.Intn(3); d.Intn(3) > 0 && few < len(names) {
		at := d.Intn(len(names) - few + 1)
		names = names[at : at+few]
	}
	for i := range 1 + d.Intn(steps) {
		name := names[d.Intn(len(names))]
		s = append(s, scripted{name, drawings[name](d, i, size)})
	}
	return s
}

// byFamily puts helpers that belong together beside each other.
func byFamily(a, b string) int {
	key := func(name string) string {
		for _, word := range []string{"tunnel", "csum", "hash", "vlan", "room", "proto", "head", "tail", "adjust"} {
			if strings.Contains(name, word) {
				return word + name
			}
		}
		return name
	}
	return strings.Compare(key(a), key(b))
}

// drawable are the helpers of a type whose calls are drawn.
func (k *kernelSide) drawable(typ *abi.ProgType) (names []string) {
	for _, h := range typ.Helpers {
		if drawings[h] != nil {
			names = append(names, h)
		}
	}
	slices.SortFunc(names, byFamily)
	return names
}

func TestHelpersDoWhatTheKernelsDo(t *testing.T) {
	k := needTestRun(t)
	for _, name := range append([]string{"xdp"}, skbTypes...) {
		typ := k.typ(name)
		names, fields := k.drawable(typ), loadables(&typ.Context, "napi_id")
		t.Run(name, func(t *testing.T) {
			for seed := range rounds(200) {
				d := draw{rand.New(rand.NewSource(int64(seed)))}
				packet, ctx := d.packet(), []byte(nil)
				if name != "xdp" {
					ctx = make([]byte, 192)
					if d.Intn(10) == 0 {
						ctx[176], ctx[164] = 100, 2 // a large packet
					}
				} else if d.Intn(2) == 0 {
					ctx, packet = d.frame(packet)
				}
				if !k.compareRuns(t, typ, d.script(names, len(packet)), fields, ctx, packet) {
					t.Logf("seed %d", seed)
					return
				}
			}
		})
	}
}
