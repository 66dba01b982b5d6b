package tracing

import "github.com/bpfc/bpfc/core/codegen"

func (s *session) filterTable() table {
	return table{"tracing/bpf_table_lookup": tableLookup, "tracing/bpf_table_update": tableUpdate}
}

// tableAt is a map by its number, and the key at an address; nil if either is not there.
func tableAt(c codegen.Call, index, key uint64) (codegen.Map, []byte) {
	m := c.MapAt(int(int32(index)))
	if m == nil {
		return nil, nil
	}
	return m, c.Bytes(key, uint64(m.Spec().KeySize), false)
}

func tableLookup(c codegen.Call, _, index, key, _, _ uint64) uint64 {
	m, k := tableAt(c, index, key)
	if k == nil {
		return 0
	}
	return m.Lookup(k, c.CPU())
}

// tableUpdate sets a value, whether or not there was one.
func tableUpdate(c codegen.Call, _, index, key, value, _ uint64) uint64 {
	m, k := tableAt(c, index, key)
	if k == nil {
		return codegen.EFAULT.Ret()
	}
	v := c.Bytes(value, uint64(m.Spec().ValueSize), false)
	if v == nil {
		return codegen.EFAULT.Ret()
	}
	return m.Update(k, v, 0, c.CPU()).Ret()
}
