package runtime

import "golang.org/x/sys/cpu"

// cpuid is the instruction of that name: eax, ebx, ecx, edx.
func cpuid(leaf, sub uint32) (regs [4]uint32)

// Registers of cpuid.
const (
	ebx = 1
	ecx = 2
)

// feature is a bit that cpuid reports.
type feature struct {
	leaf uint32
	reg  int
	bit  uint
}

// level is a CPU level and what it has beyond the one below.
type level struct {
	name     string
	features []feature
}

// levels are the CPU levels, lowest first (System V psABI for amd64, section
// 3.1.1; bits: Intel SDM volume 2, CPUID). AVX state is checked apart.
func levels() []level {
	const basic, extended, amd = 1, 7, 0x80000001
	return []level{
		{"x86-64", nil},
		{"x86-64-v2", []feature{
			{basic, ecx, 0}, {basic, ecx, 9}, {basic, ecx, 13}, {basic, ecx, 19}, {basic, ecx, 20}, {basic, ecx, 23}, // SSE3 SSSE3 CX16 SSE4.1 SSE4.2 POPCNT
			{amd, ecx, 0}, // LAHF
		}},
		{"x86-64-v3", []feature{
			{basic, ecx, 12}, {basic, ecx, 22}, {basic, ecx, 27}, {basic, ecx, 28}, {basic, ecx, 29}, // FMA MOVBE OSXSAVE AVX F16C
			{extended, ebx, 3}, {extended, ebx, 5}, {extended, ebx, 8}, // BMI1 AVX2 BMI2
			{amd, ecx, 5}, // LZCNT
		}},
	}
}

// cpuLevels are the names of the CPU levels of this architecture, lowest first.
func cpuLevels() (names []string) {
	for _, l := range levels() {
		names = append(names, l.name)
	}
	return names
}

// HostCPU is the highest CPU level that this machine has.
func HostCPU() (name string) {
	for _, l := range levels() {
		for _, f := range l.features {
			if !f.present() {
				return name
			}
		}
		if l.name == "x86-64-v3" && !cpu.X86.HasAVX { // the system keeps no AVX state
			return name
		}
		name = l.name
	}
	return name
}

func (f *feature) present() bool {
	const leaves = 0 // eax: the highest leaf of this range
	return cpuid(f.leaf&0x80000000, 0)[leaves] >= f.leaf && cpuid(f.leaf, 0)[f.reg]>>f.bit&1 == 1
}
