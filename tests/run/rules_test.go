package run

import (
	"github.com/bpfc/bpfc/core/isa"
)

// Numbers of enum bpf_prog_type (include/uapi/linux/bpf.h, Linux 6.18) of the
// programs that BPF_PROG_TEST_RUN runs.
const (
	typeSocketFilter  = 1
	typeSchedCls      = 3
	typeSchedAct      = 4
	typeXDP           = 6
	typeCgroupSkb     = 8
	typeLwtIn         = 10
	typeLwtOut        = 11
	typeLwtXmit       = 12
	typeRawTracepoint = 17
	typeFlowDissector = 22
	typeSkLookup      = 30
	typeSyscall       = 31
)

// input makes the data and the context of a run of a type of program.
var inputs = map[uint32]func(d draw) (data, ctx []byte){
	typeSocketFilter: draw.skb, typeSchedCls: draw.skb, typeSchedAct: draw.skb, typeCgroupSkb: draw.skb,
	typeLwtIn: draw.skb, typeLwtOut: draw.skb, typeLwtXmit: draw.skb,
	typeXDP: draw.frame, typeFlowDissector: draw.dissector, typeSkLookup: draw.lookup,
	typeRawTracepoint: draw.arguments, typeSyscall: draw.arguments,
}

// now is the time on the clocks, in nanoseconds: a whole number of ticks, at 250 a second.
const now = 4_000_000_000

// constant is a helper whose result is replaced by a number, because it is another one in each run of the kernel.
type constant struct {
	value int32
	both  bool // on our side, too: the environment cannot make it this number
	why   string
}

var constants = map[string]constant{
	"bpf_ktime_get_ns":                   {value: word(now), why: "time"},
	"bpf_ktime_get_boot_ns":              {value: word(now), why: "time"},
	"bpf_ktime_get_coarse_ns":            {value: word(now), why: "time"},
	"bpf_ktime_get_tai_ns":               {value: word(now), why: "time"},
	"bpf_jiffies64":                      {value: word(1<<32 - 300*250 + now/4_000_000), why: "time"},
	"bpf_get_prandom_u32":                {7, true, "random"},
	"bpf_get_hash_recalc":                {0x1234567, true, "a hash with a random key"},
	"bpf_get_socket_cookie":              {5, true, "counts the sockets of the machine"},
	"bpf_get_netns_cookie":               {6, true, "counts the namespaces of the machine"},
	"bpf_get_current_task":               {0x1000, true, "an address of the kernel"},
	"bpf_get_current_cgroup_id":          {1, true, "the control group of the test"},
	"bpf_get_current_ancestor_cgroup_id": {1, true, "the control group of the test"},
	"bpf_skb_cgroup_id":                  {1, true, "the control group of the test"},
	"bpf_skb_ancestor_cgroup_id":         {1, true, "the control group of the test"},
	"bpf_get_stackid":                    {3, true, "stacks of the kernel"},
}

func word(v uint32) int32 { return int32(v) }

// insn is what stands for the call: w0 = value.
func (c constant) insn() isa.Insn { return isa.Mov.Imm32(isa.R0, c.value) }

// helpersSkipped are helpers whose programs are not run in the kernel.
var helpersSkipped = map[string]string{
	"bpf_get_current_task_btf":         "leads into the kernel's own structures",
	"bpf_get_stack":                    "stacks of the kernel",
	"bpf_get_task_stack":               "stacks of the kernel",
	"bpf_send_signal":                  "would send the test a signal",
	"bpf_send_signal_thread":           "would send the test a signal",
	"bpf_probe_write_user":             "would write into the test",
	"bpf_override_return":              "changes the kernel",
	"bpf_sys_bpf":                      "calls the kernel with what was drawn",
	"bpf_sys_close":                    "closes files of the test",
	"bpf_tcp_raw_gen_syncookie_ipv4":   "a random key",
	"bpf_tcp_raw_gen_syncookie_ipv6":   "a random key",
	"bpf_tcp_raw_check_syncookie_ipv4": "a random key",
	"bpf_tcp_raw_check_syncookie_ipv6": "a random key",
	"bpf_perf_event_read":              "counters of the machine",
	"bpf_perf_event_read_value":        "counters of the machine",
}

// programsSkipped are programs whose results are not to be compared with the kernel's.
var programsSkipped = map[string]string{
	"net/xdp_edges edge_half_key":   "reads bytes of the stack that nothing has written",
	"lang/callbacks for_each":       "stops early, and the order of a hash is anybody's",
	"lang/callbacks may_goto":       "loops until the kernel's time is up",
	"trace/printing snprintf_stack": "puts out bytes of the stack that nothing has written",
}
