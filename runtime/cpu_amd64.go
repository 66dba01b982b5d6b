package runtime

import "golang.org/x/sys/cpu"

// cpuLevels are the CPU levels of this architecture, lowest first (System V psABI for amd64, section 3.1.1).
func cpuLevels() []string { return []string{"x86-64", "x86-64-v2", "x86-64-v3"} }

// HostCPU is the highest CPU level that this machine has.
func HostCPU() string {
	x := &cpu.X86
	switch {
	case !(x.HasCX16 && x.HasPOPCNT && x.HasSSE3 && x.HasSSE41 && x.HasSSE42 && x.HasSSSE3):
		return "x86-64"
	// The package knows no LZCNT, MOVBE and F16C: every CPU with AVX2, BMI2 and FMA has them.
	case !(x.HasAVX && x.HasAVX2 && x.HasBMI1 && x.HasBMI2 && x.HasFMA && x.HasOSXSAVE):
		return "x86-64-v2"
	}
	return "x86-64-v3"
}
