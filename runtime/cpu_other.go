//go:build !amd64

package runtime

// cpuLevels are the CPU levels of this architecture: none are told apart.
func cpuLevels() []string { return nil }

// HostCPU is the highest CPU level that this machine has, "" where none are told apart.
func HostCPU() string { return "" }
