package maps

// maxStorages bounds the objects with a value in one local storage; the kernel's grow with its objects.
const maxStorages = 1 << 16

// storage is the values that belong to objects: a hash by the object's address, for cgroup storages by their key.
// Helpers add elements; there is no bound in the description.
func openStorage(b *base) (Map, error) {
	key := b.spec.KeySize
	if b.kind.objectKey {
		key = 8
	}
	return newHash(b, hashShape{key, b.spec.ValueSize, maxStorages, false})
}
