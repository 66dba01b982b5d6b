package env

import (
	"errors"
	"fmt"
	"slices"
)

// Clock is the part "clock": the clocks of the kernel, in nanoseconds. They stand still unless Step moves them.
type Clock struct {
	// Ktime is the monotonic clock when the session begins.
	Ktime uint64 `json:"ktime"`
	// BootOffset and TAIOffset are what the other clocks show beyond it: the time in suspend, and the monotonic clock's beginning in TAI.
	BootOffset uint64 `json:"boot_offset"`
	TAIOffset  uint64 `json:"tai_offset"`
	// HZ is the number of ticks in a second.
	HZ uint64 `json:"hz"`
	// Step is how far each look at a clock moves them all.
	Step uint64 `json:"step"`
}

// DefaultClock stands at 1000 seconds after boot, on the first day of 2025, and does not move.
func DefaultClock() Clock {
	const second, begin = 1_000_000_000, 1_735_689_637 // 2025-01-01T00:00:00Z in TAI, 37 seconds ahead of UTC
	return Clock{Ktime: 1000 * second, TAIOffset: (begin - 1000) * second, HZ: 250}
}

// Check refuses what no clock can be.
func (c *Clock) Check() error {
	if c.HZ == 0 || c.HZ > 1e9 {
		return fmt.Errorf("environment: part \"clock\": hz is %d, which is no number of ticks from 1 to 1000000000", c.HZ)
	}
	return nil
}

// DefaultSeed is where the random numbers of a session begin without a part "seed", which is a number.
const DefaultSeed = 1

// Task is one of the part "tasks", which is a list: what is known of a task that runs when a program runs.
type Task struct {
	// CPU is the virtual CPU on which it runs; without one, it runs on all that no other task names.
	CPU *int `json:"cpu"`
	// PID is the number of the thread, TGID of the process; 0 stands for PID.
	PID  uint32 `json:"pid"`
	TGID uint32 `json:"tgid"`
	UID  uint32 `json:"uid"`
	GID  uint32 `json:"gid"`
	// Comm is its name; of more than 15 bytes the first 15 count.
	Comm string `json:"comm"`
	// Cgroups are the numbers of its control groups, from the root to its own; none stands for the root, 1.
	Cgroups []uint64 `json:"cgroups"`
	// ClassID is its class for traffic control.
	ClassID uint32 `json:"classid"`
	// Namespace is how a namespace of processes sees it.
	Namespace *Namespace `json:"namespace"`
	// Address is where the kernel keeps its structure; 0 for a made-up address with nothing there.
	Address Word `json:"address"`
}

// Namespace is a namespace of processes, by the device and inode of its file, and the task's numbers in it.
type Namespace struct {
	Dev  uint64 `json:"dev"`
	Ino  uint64 `json:"ino"`
	PID  uint32 `json:"pid"`
	TGID uint32 `json:"tgid"`
}

// The initial namespace of processes: PROC_PID_INIT_INO, include/linux/proc_ns.h, Linux 6.18, on the first anonymous device.
const (
	initDev = 4
	initIno = 0xeffffffc
)

// taskAddresses is where tasks lie that are given no address, and how far apart: in the direct mapping of x86-64.
const (
	taskAddresses = 0xffff_8881_0000_0000
	taskDistance  = 0x4000
)

// DefaultTask runs everywhere if the part "tasks" is not given.
func DefaultTask() Task {
	return Task{PID: 1000, TGID: 1000, UID: 1000, GID: 1000, Comm: "bpfc"}
}

// Tasks is the task of each CPU, with nothing left open. Where no task runs, it is an error.
func Tasks(list []Task, cpus int) ([]Task, error) {
	out, set := make([]Task, cpus), make([]bool, cpus)
	var everywhere *Task
	for i := range list {
		t := list[i].complete(i)
		switch {
		case t.CPU == nil && everywhere != nil:
			return nil, errors.New("environment: part \"tasks\": two tasks without a cpu: only one can run where no other does")
		case t.CPU == nil:
			everywhere = &t
		case *t.CPU < 0 || *t.CPU >= cpus:
			return nil, fmt.Errorf("environment: part \"tasks\": task %d runs on cpu %d; there are %d, from 0", t.PID, *t.CPU, cpus)
		case set[*t.CPU]:
			return nil, fmt.Errorf("environment: part \"tasks\": two tasks run on cpu %d", *t.CPU)
		default:
			out[*t.CPU], set[*t.CPU] = t, true
		}
	}
	for i := range out {
		if !set[i] && everywhere == nil {
			return nil, fmt.Errorf("environment: part \"tasks\": no task runs on cpu %d: give one without a cpu", i)
		}
		if !set[i] {
			out[i] = *everywhere
		}
	}
	return out, nil
}

// complete fills in what number i of the tasks leaves open.
func (t Task) complete(i int) Task {
	const comm = 15 // TASK_COMM_LEN without its zero, include/linux/sched.h
	t.Comm = t.Comm[:min(len(t.Comm), comm)]
	if t.TGID == 0 {
		t.TGID = t.PID
	}
	if len(t.Cgroups) == 0 {
		t.Cgroups = []uint64{1}
	}
	if t.Namespace == nil {
		t.Namespace = &Namespace{Dev: initDev, Ino: initIno, PID: t.PID, TGID: t.TGID}
	}
	if t.Address == 0 {
		t.Address = Word(taskAddresses + uint64(i)*taskDistance)
	}
	return t
}

// Block is one of the part "memory", which is a list: bytes at an address of the kernel or of a process. Addresses
// below 2^47 are those of the process, as on x86-64.
type Block struct {
	Address Word `json:"address"`
	// Hex is its bytes, or Text, with a zero behind it.
	Hex  Bytes  `json:"hex"`
	Text string `json:"text"`
}

// Memory is blocks in ascending order.
type Memory []Block

// NewMemory makes memory of the blocks of a part "memory". Blocks that overlap are an error.
func NewMemory(list []Block) (Memory, error) {
	m := slices.Clone(list)
	for i := range m {
		b := &m[i]
		if b.Hex != nil && b.Text != "" {
			return nil, fmt.Errorf("environment: part \"memory\": the block at %#x has both hex and text: give one of them", uint64(b.Address))
		}
		if b.Hex == nil {
			b.Hex = append([]byte(b.Text), 0)
		}
	}
	slices.SortFunc(m, func(a, b Block) int {
		if a.Address < b.Address {
			return -1
		}
		return 1
	})
	for i := range m {
		end := uint64(m[i].Address) + uint64(len(m[i].Hex))
		if end < uint64(m[i].Address) || i+1 < len(m) && uint64(m[i+1].Address) < end {
			return nil, fmt.Errorf("environment: part \"memory\": the block at %#x reaches into what comes after it", uint64(m[i].Address))
		}
	}
	return m, nil
}

// At is what the memory has from addr on in one piece, at most n bytes; nil if there is nothing.
func (m Memory) At(addr uint64, n int) []byte {
	i, found := slices.BinarySearchFunc(m, addr, func(b Block, a uint64) int {
		switch {
		case uint64(b.Address) > a:
			return 1
		case a-uint64(b.Address) >= uint64(len(b.Hex)):
			return -1
		}
		return 0
	})
	if !found {
		return nil
	}
	b := m[i].Hex[addr-uint64(m[i].Address):]
	return b[:min(n, len(b))]
}

// Read fills dst from an address on, through blocks without a gap, and returns how much there was.
func (m Memory) Read(dst []byte, addr uint64) int {
	n := 0
	for n < len(dst) {
		b := m.At(addr+uint64(n), len(dst)-n)
		if b == nil {
			break
		}
		n += copy(dst[n:], b)
	}
	return n
}

// Stacks is the part "stacks": where the calls that led to a program come from, the innermost first.
type Stacks struct {
	Kernel []Word `json:"kernel"`
	User   []Word `json:"user"`
}

// Counter is one of the part "perf", which is a list: what a counter shows that a map of perf events holds.
type Counter struct {
	// Map and Index say where it is; with no Map it is the event that runs the program.
	Map     string `json:"map"`
	Index   uint32 `json:"index"`
	Counter uint64 `json:"counter"`
	// Enabled and Running are how long it has been on, and counting, in nanoseconds.
	Enabled uint64 `json:"enabled"`
	Running uint64 `json:"running"`
}
