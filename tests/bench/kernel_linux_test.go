package bench

import (
	"encoding/binary"
	"slices"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/rlimit"

	"github.com/bpfc/bpfc/tests/kernel/alive"
)

// kernelLookups are the programs of an object in the machine's kernel, its maps filled as ours are.
func kernelLookups(b *testing.B, file string, packet []byte) (all []*contestant, err error) {
	if err := alive.Err(); err != nil {
		return nil, err
	}
	_ = rlimit.RemoveMemlock()
	spec, err := ebpf.LoadCollectionSpec(file)
	if err != nil {
		return nil, err
	}
	c, err := ebpf.NewCollection(spec)
	if err != nil {
		return nil, err
	}
	b.Cleanup(c.Close)
	for _, m := range c.Maps {
		if err := fill(m); err != nil {
			return nil, err
		}
	}
	names := make([]string, 0, len(c.Programs))
	for name := range c.Programs {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		p := c.Programs[name]
		all = append(all, &contestant{name: "kernel-" + name, run: func(int) error {
			_, err := p.Run(&ebpf.RunOptions{Data: packet, Repeat: 1})
			return err
		}})
	}
	return all, nil
}

// fill puts the keys into a map.
func fill(m *ebpf.Map) error {
	for i := range uint64(keys) {
		value := binary.LittleEndian.AppendUint64(nil, i)
		var v any = value
		if m.Type() == ebpf.PerCPUArray {
			v = slices.Repeat([][]byte{value}, ebpf.MustPossibleCPU())
		}
		if err := m.Put(keyOf(i, uint32(m.Type()), m.KeySize()), v); err != nil {
			return err
		}
	}
	return nil
}
