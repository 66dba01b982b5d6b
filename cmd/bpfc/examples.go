package main

import (
	"strings"

	"github.com/bpfc/bpfc/core/verifier"
)

// example is a program that breaks a rule of the verifier under policy strict with the built-in helper sets.
type example struct {
	typ   string // program type
	leaks bool   // only under strict,no-leaks
	text  string // in the kernel's dialect, if how does not say otherwise
	how   string // how it is tried, if it is no file of assembly
}

// command is how the example is tried.
func (e *example) command() string {
	if e.how != "" {
		return e.how
	}
	policy := ""
	if e.leaks {
		policy = " --policy strict,no-leaks"
	}
	return "bpfc verify example.s --type " + e.typ + policy
}

// Pieces of examples.
const (
	hashOf8   = ".map m, type=hash, key=4, value=8, entries=8\n"
	arrayOf8  = ".map m, type=array, key=4, value=8, entries=1\n"
	ring      = ".map r, type=ringbuf, key=0, value=0, entries=4096\n"
	lookup    = "*(u32 *)(r10 - 4) = 0\nr2 = r10\nr2 += -4\nr1 = map[m] ll\ncall bpf_map_lookup_elem\n"
	lookupOK  = lookup + "if r0 != 0 goto +2\nr0 = 0\nexit\n"
	reserve   = "r1 = map[r] ll\nr2 = 8\nr3 = 0\ncall bpf_ringbuf_reserve\n"
	reserveOK = reserve + "if r0 != 0 goto +2\nr0 = 0\nexit\n"
)

// How examples are tried that assembly cannot be.
const (
	inGo     = "an object made in Go: bpfc's own front ends refuse such bytes by themselves"
	inC      = "bpfc verify example.c"
	inShell  = "in a shell"
	ofHelper = "a helper set, as a plugin describes it"
)

// examples holds one for each code.
var examples = map[verifier.Code]example{
	"BV001": {"mem", false, `object.Programs = []sdk.ObjectProgram{{Name: "f"}}`, inGo},
	"BV005": {"mem", false, "object.Programs[0].Insns = []asm.Insn{call, asm.Exit()} // call leads behind the exit", inGo},
	"BV006": {"mem", false, "object.Programs[0].Insns = []asm.Insn{{}, asm.Exit()} // the first is no instruction", inGo},
	"BV011": {"mem", false, `sdk.Helper{ID: 1, Name: "demo/f", Ret: sdk.RetInteger, Impl: sdk.ImplBody, Body: []byte("no code")}`, ofHelper},
	"BV025": {"mem", false, `{ for i in $(seq 257); do echo "r1 = f$i ll"; echo "callx r1"; done; echo exit
  for i in $(seq 257); do echo "f$i: r0 = 0"; echo exit; done; } | bpfc verify - --type mem`, inShell},
	"BV046": {"xdp", false, `struct bpf_spin_lock { unsigned val; };
struct value { struct bpf_spin_lock lock; int n; };
struct { int (*type)[1]; int (*max_entries)[8]; int *key; struct value *value; } m __attribute__((section(".maps")));
static void *(*const bpf_map_lookup_elem)(void *map, const void *key) = (void *)1;

__attribute__((section("xdp"))) int example(void *ctx)
{
	int key = 0;
	struct value *v = bpf_map_lookup_elem(&m, &key);
	if (v)
		v->lock.val = 0;
	return 2;
}`, inC},
	"BV056": {"mem", false, "sdk.Verify(object, sdk.Options{Set: set, Stop: func() bool { return true }})", "in Go; `bpfc verify --timeout` says which program it could not decide in time"},
	"BV002": {"mem", false, "call f\nexit\nf: r0 = 0\ngoto g\ng: exit\nh: call g\nexit", ""},
	"BV003": {"mem", false, "r0 = 0", ""},
	"BV004": {"mem", false, "r0 = 0\nexit\nr0 = 1\nexit", ""},
	"BV007": {"mem", false, "r1 = 0\ngotox r1", ""},
	"BV008": {"mem", false, "call 4000000\nexit", ""},
	"BV009": {"mem", false, "call no_such_function\nexit", ""},
	"BV010": {"mem", false, "r1 = map[fd:3] ll\nexit", ""},
	"BV012": {"mem", false, "r10 = 1\nr0 = 0\nexit", ""},
	"BV013": {"mem", false, "call f\nexit\nf: call f\nexit", ""},
	"BV014": {"mem", false, "call f1\nexit\nf1: call f2\nexit\nf2: call f3\nexit\nf3: call f4\nexit\nf4: call f5\nexit\nf5: call f6\nexit\nf6: call f7\nexit\nf7: call f8\nexit\nf8: r0 = 0\nexit", ""},
	"BV015": {"mem", false, "r0 = 0\n*(u64 *)(r10 - 264) = r0\ncall f\nexit\nf: r0 = 0\n*(u64 *)(r10 - 264) = r0\nexit", ""},
	"BV016": {"mem", false, "r6 = r1\nr0 = *(u8 *)skb[0]\nexit", ""},
	"BV020": {"mem", false, hashOf8 + "r1 = map[m][0] ll\nr0 = 0\nexit", ""},
	"BV021": {"nothing", false, "r0 = 0\nexit", ""},
	"BV024": {"mem", false, arrayOf8 + "r1 = map[m][0]+9 ll\nr0 = 0\nexit", ""},
	"BV026": {"mem", false, "r0 = r6\nexit", ""},
	"BV027": {"mem", false, "r1 = 4096\nr0 = *(u64 *)(r1 + 0)\nexit", ""},
	"BV028": {"mem", false, arrayOf8 + "r1 = map[m][0] ll\nr0 = *(u64 *)(r1 + 1)\nexit", ""},
	"BV029": {"xdp", false, "r2 = *(u32 *)(r1 + 0)\nr0 = *(u8 *)(r2 + 0)\nexit", ""},
	"BV030": {"xdp", false, hashOf8 + lookup + "r0 = *(u64 *)(r0 + 0)\nexit", ""},
	"BV031": {"xdp", false, "r0 = *(u32 *)(r1 + 100)\nexit", ""},
	"BV032": {"mem", false, "r0 = r10\nr0 *= 2\nexit", ""},
	"BV033": {"mem", false, "r0 = *(u64 *)(r10 + 0)\nexit", ""},
	"BV034": {"xdp", false, "r1 = 0\nr2 = r10\nr2 += -4\n*(u32 *)(r10 - 4) = 0\ncall bpf_map_lookup_elem\nr0 = 0\nexit", ""},
	"BV035": {"kprobe", false, ".license \"GPL\"\nr3 = *(u64 *)(r1 + 112)\nr2 = *(u64 *)(r1 + 104)\nr1 = r10\nr1 += -8\ncall bpf_probe_read_kernel\nr0 = 0\nexit", ""},
	"BV036": {"cgroup_skb", false, "r0 = 7\nexit", ""},
	"BV037": {"xdp", false, ring + reserveOK + "r0 = 0\nexit", ""},
	"BV038": {"xdp", false, ring + reserveOK + "r0 += 4\nr1 = r0\nr2 = 0\ncall bpf_ringbuf_submit\nr0 = 0\nexit", ""},
	"BV039": {"socket_filter", false, ring + "r6 = r1\n" + reserveOK + "r7 = r0\nr0 = *(u8 *)skb[0]\nr1 = r7\nr2 = 0\ncall bpf_ringbuf_discard\nr0 = 0\nexit", ""},
	"BV040": {"mem", false, "r0 = 0\nl: r0 ^= 1\nif r0 < 2 goto l\nexit", ""},
	"BV041": {"mem/8", false, ".map m, type=array, key=4, value=262144, entries=1\nr3 = *(u64 *)(r1 + 0)\nr0 = 0\n" + strings.Repeat("r4 = r3\nr4 &= 1\nr0 <<= 1\nif r4 == 0 goto +1\nr0 += 1\nr3 >>= 1\n", 18) + "r1 = map[m][0] ll\nr1 += r0\nr0 = *(u8 *)(r1 + 0)\nexit", ""},
	"BV042": {"mem", false, ".section .rodata\n.globl d\nd: .quad 1\n.text\nr1 = d ll\n*(u64 *)(r1 + 0) = 0\nr0 = 0\nexit", ""},
	"BV043": {"mem", false, "call f\nr0 = 0\nexit\nf: r0 = r10\nexit", ""},
	"BV044": {"mem", false, "r0 = *(u32 *)(r10 - 6)\nexit", ""},
	"BV045": {"kprobe", false, "r1 = r10\nr1 += -8\nr2 = 8\nr3 = 0\ncall bpf_probe_read_kernel\nr0 = 0\nexit", ""},
	"BV047": {"xdp", false, arrayOf8 + "r1 = map[m] ll\nr2 = 8\nr3 = 0\ncall bpf_ringbuf_reserve\nr0 = 0\nexit", ""},
	"BV048": {"xdp", false, "r1 = r10\nr1 += -16\ncall bpf_dynptr_data\nr0 = 0\nexit", ""},
	"BV049": {"struct_ops", false, "r0 = 0\nexit", ""},
	"BV050": {"xdp", true, hashOf8 + lookupOK + "*(u64 *)(r0 + 0) = r10\nr0 = 0\nexit", ""},
	"BV051": {"sched_cls", false, "r6 = r1\nr7 = *(u32 *)(r1 + 76)\nr8 = *(u32 *)(r1 + 80)\nr2 = r7\nr2 += 1\nif r2 > r8 goto e\nr2 = 0\ncall bpf_skb_pull_data\nr0 = *(u8 *)(r7 + 0)\ne: r0 = 0\nexit", ""},
	"BV052": {"xdp", false, "r1 = r10\nr1 += -8\nr2 = 8\nr3 = 0\ncall bpf_copy_from_user\nr0 = 0\nexit", ""},
	"BV053": {"mem/8", false, ".map m, type=array, key=4, value=64, entries=1\nr3 = *(u64 *)(r1 + 0)\nr1 = map[m][0] ll\nr1 += r3\nr0 = *(u8 *)(r1 + 0)\nexit", ""},
	"BV054": {"mem", true, "r0 = *(u64 *)(r10 - 8)\nexit", ""},
	"BV055": {"mem", false, "r1 = r10\ncallx r1\nexit", ""},
	"BV057": {"mem", false, "r0 = 1\nr0 /= 0\nexit", ""},
}
