package maps

// A local storage has room for so many objects as fit into storageBytes, at most maxStorages; the kernel's grow with
// their objects.
const (
	maxStorages  = 1 << 16
	storageBytes = 64 << 20
)

// openStorage makes the values that belong to objects: a hash by the object's address, for cgroup storages by their key.
// Helpers add elements; there is no bound in the description.
func openStorage(b *base) (Map, error) {
	key := b.spec.KeySize
	if b.kind.objectKey {
		key = 8
	}
	cpus := 1
	if b.kind.perCPU {
		cpus = b.env.CPUs
	}
	n := storageBytes / (round8(uint64(b.spec.ValueSize)) * uint64(cpus))
	return newHash(b, hashShape{key, b.spec.ValueSize, min(max(n, 64), maxStorages), false})
}
