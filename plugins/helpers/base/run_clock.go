package base

import (
	"sync/atomic"

	"github.com/bpfc/bpfc/core/codegen"
	"github.com/bpfc/bpfc/core/env"
)

func (s *session) clockTable() table {
	return table{
		"bpf_ktime_get_ns":         s.ktime,
		"bpf_ktime_get_boot_ns":    s.boot,
		"bpf_ktime_get_coarse_ns":  s.coarse,
		"bpf_ktime_get_tai_ns":     s.tai,
		"bpf_jiffies64":            s.jiffies,
		"bpf_get_prandom_u32":      s.prandom,
		"bpf_get_smp_processor_id": s.processor,
		"bpf_get_numa_node_id":     s.node,
	}
}

// clock is the clocks of the session: the monotonic one, from which all others follow.
type clock struct {
	env.Clock
	now atomic.Uint64
}

func (s *session) readClock(h codegen.Home) error {
	s.clock.Clock = env.DefaultClock()
	if err := env.Part(h.Env("clock"), "clock", &s.clock.Clock); err != nil {
		return err
	}
	s.clock.now.Store(s.clock.Ktime)
	return s.clock.Check()
}

// read looks at the clock, and moves it.
func (k *clock) read() uint64 {
	if k.Step == 0 {
		return k.now.Load()
	}
	return k.now.Add(k.Step) - k.Step
}

// second is one, in nanoseconds.
const second = 1_000_000_000

// initialJiffies is where jiffies begin: five minutes before 32 bits of them overflow (INITIAL_JIFFIES, include/linux/jiffies.h, Linux 6.18).
func (k *clock) initialJiffies() uint64 { return 1<<32 - 300*k.HZ }

func (s *session) ktime(_ codegen.Call, _, _, _, _, _ uint64) uint64 { return s.clock.read() }

func (s *session) boot(_ codegen.Call, _, _, _, _, _ uint64) uint64 {
	return s.clock.read() + s.clock.BootOffset
}

func (s *session) tai(_ codegen.Call, _, _, _, _, _ uint64) uint64 {
	return s.clock.read() + s.clock.TAIOffset
}

// coarse is the time of the last tick.
func (s *session) coarse(_ codegen.Call, _, _, _, _, _ uint64) uint64 {
	now := s.clock.read()
	return now - now%(second/s.clock.HZ)
}

func (s *session) jiffies(_ codegen.Call, _, _, _, _, _ uint64) uint64 {
	return s.clock.initialJiffies() + s.clock.read()/(second/s.clock.HZ)
}

func (s *session) readSeed(h codegen.Home) error {
	seed := env.Word(env.DefaultSeed)
	if err := env.Part(h.Env("seed"), "seed", &seed); err != nil {
		return err
	}
	for i := range s.cpus {
		s.cpus[i].random = h.Random(i)
		*s.cpus[i].random = mix(uint64(seed) + mix(uint64(i)))
	}
	return nil
}

// golden is 2^64 divided by the golden ratio, odd.
const golden = 0x9e37_79b9_7f4a_7c15

// mix makes 64 bits of 64 others in which each bit depends on all: the last steps of SplitMix64 (Steele, Lea and Flood, 2014).
func mix(z uint64) uint64 {
	z = (z ^ z>>30) * 0xbf58_476d_1ce4_e5b9
	z = (z ^ z>>27) * 0x94d0_49bb_1331_11eb
	return z ^ z>>31
}

// prandom is SplitMix64, from a state of each CPU that follows from the seed and its number. Compilers expand it:
// abi.IntrinsicRandom.
func (s *session) prandom(c codegen.Call, _, _, _, _, _ uint64) uint64 {
	random := s.cpu(c).random
	*random += golden
	return mix(*random) >> 32
}

func (s *session) processor(c codegen.Call, _, _, _, _, _ uint64) uint64 { return uint64(c.CPU()) }

func (s *session) readNodes(h codegen.Home) error { return env.Part(h.Env("numa"), "numa", &s.nodes) }

func (s *session) node(c codegen.Call, _, _, _, _, _ uint64) uint64 {
	if c.CPU() < len(s.nodes) {
		return uint64(s.nodes[c.CPU()])
	}
	return 0
}
