package soundness

import (
	"fmt"
	"slices"

	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/ir"
)

// mapModel is a map of a run: an array or a hash table.
type mapModel struct {
	spec   abi.MapSpec
	handle *region
	values []*region          // of an array
	table  map[string]*region // of a hash table
	old    []*region          // values that were deleted: still there for who has them
}

const (
	mapHash  = 1
	mapArray = 2
	mapRing  = 27
)

// newMap makes a map, with some elements if it is a hash table.
func (m *machine) newMap(spec abi.MapSpec) mapModel {
	x := mapModel{spec: spec, handle: m.add("map "+spec.Name, 0, false), table: map[string]*region{}}
	switch spec.Type {
	case mapArray:
		for i := range spec.MaxEntries {
			x.values = append(x.values, m.value(&spec, fmt.Sprint(i)))
		}
	case mapHash:
		for i := range m.rng.IntN(3) * map[bool]int{true: 0, false: 1}[m.plain] {
			key := make([]byte, spec.KeySize)
			key[0] = byte(i)
			x.table[string(key)] = m.value(&spec, fmt.Sprint(key))
		}
	}
	return x
}

func (m *machine) value(spec *abi.MapSpec, key string) *region {
	r := m.add(fmt.Sprintf("value %s of map %s", key, spec.Name), int(spec.ValueSize), true)
	if !m.plain {
		m.random(r)
	}
	return r
}

// addresses are those of all values.
func (x *mapModel) addresses() (list []uint64) {
	for _, r := range x.values {
		list = append(list, r.base)
	}
	for _, r := range x.table {
		list = append(list, r.base)
	}
	for _, r := range x.old {
		list = append(list, r.base)
	}
	return list
}

// callHelper does what helper h does.
func (m *machine) callHelper(f *frame, h *abi.Helper) error {
	var args [5]uint64
	for i := range h.NumArgs() {
		v, err := m.get(ir.R1 + ir.Reg(i))
		if err != nil {
			return err
		}
		args[i] = v
	}
	do := models[h.Name]
	if do == nil {
		return fmt.Errorf("the model has no helper %s", h.Name)
	}
	r0, loop, err := do(m, args)
	switch {
	case err != nil:
		return err
	case loop != nil:
		return m.turn(f, loop)
	}
	f.after(r0)
	if h.Ret == abi.RetVoid {
		f.set &^= ir.Bit(ir.R0)
	}
	return nil
}

// model is what a helper does: its result, or that it calls back.
type model func(m *machine, a [5]uint64) (r0 uint64, loop *turns, err error)

// Errors of the kernel as results.
const (
	einval = ^uint64(22) + 1
	enoent = ^uint64(2) + 1
	e2big  = ^uint64(7) + 1
	efault = ^uint64(14) + 1
)

// models are the helpers that generated programs call.
var models = map[string]model{
	"bpf_map_lookup_elem": lookup,
	"bpf_map_update_elem": update,
	"bpf_map_delete_elem": remove,
	"bpf_ktime_get_ns": func(m *machine, a [5]uint64) (uint64, *turns, error) {
		return m.rng.Uint64() >> m.rng.IntN(64), nil, nil
	},
	"bpf_get_prandom_u32": func(m *machine, a [5]uint64) (uint64, *turns, error) {
		return uint64(m.rng.Uint32() >> m.rng.IntN(32)), nil, nil
	},
	"bpf_get_smp_processor_id": func(m *machine, a [5]uint64) (uint64, *turns, error) { return uint64(m.rng.IntN(8)), nil, nil },
	"bpf_loop":                 loop,
	"bpf_for_each_map_elem":    forEach,
	"bpf_iter_num_new":         iterNew,
	"bpf_iter_num_next":        iterNext,
	"bpf_iter_num_destroy":     iterDestroy,
	"bpf_ringbuf_reserve":      reserve,
	"bpf_ringbuf_submit":       release,
	"bpf_ringbuf_discard":      release,
	"bpf_xdp_adjust_head":      movePacket,
	"bpf_skb_pull_data":        movePacket,
	"bpf_skb_load_bytes":       loadBytes,
	"bpf_xdp_load_bytes":       loadBytes,
	"bpf_csum_diff":            csumDiff,
}

// mapOf finds a map by its handle.
func (m *machine) mapOf(handle uint64) (*mapModel, error) {
	i := slices.IndexFunc(m.maps, func(x mapModel) bool { return x.handle.base == handle })
	if i < 0 {
		return nil, fmt.Errorf("%#x is no map", handle)
	}
	return &m.maps[i], nil
}

// element finds the value of the key at an address, nil if there is none.
func (m *machine) element(handle, key uint64) (x *mapModel, k []byte, r *region, err error) {
	if x, err = m.mapOf(handle); err != nil {
		return
	}
	if k, err = m.find(key, int(x.spec.KeySize), false); err != nil {
		return
	}
	if x.spec.Type == mapArray {
		if i := read(k); i < uint64(len(x.values)) {
			r = x.values[i]
		}
		return
	}
	return x, k, x.table[string(k)], nil
}

func lookup(m *machine, a [5]uint64) (uint64, *turns, error) {
	_, _, r, err := m.element(a[0], a[1])
	if r == nil {
		return 0, nil, err
	}
	return r.base, nil, err
}

func update(m *machine, a [5]uint64) (uint64, *turns, error) {
	x, k, r, err := m.element(a[0], a[1])
	if err != nil {
		return 0, nil, err
	}
	v, err := m.find(a[2], int(x.spec.ValueSize), false)
	switch {
	case err != nil:
		return 0, nil, err
	case a[3] > 2:
		return einval, nil, nil
	case x.spec.Type == mapArray && r == nil:
		return e2big, nil, nil
	case x.spec.Type == mapArray && a[3] == 1 || x.spec.Type == mapHash && a[3] == 1 && r != nil:
		return ^uint64(17) + 1, nil, nil
	case r == nil && a[3] == 2:
		return enoent, nil, nil
	case r == nil && len(x.table) >= int(x.spec.MaxEntries):
		return e2big, nil, nil
	case x.spec.Type == mapHash:
		if r != nil {
			x.old = append(x.old, r)
		}
		r = m.value(&x.spec, fmt.Sprint(k))
		x.table[string(k)] = r
	}
	copy(r.bytes, v)
	return 0, nil, nil
}

func remove(m *machine, a [5]uint64) (uint64, *turns, error) {
	x, k, r, err := m.element(a[0], a[1])
	switch {
	case err != nil:
		return 0, nil, err
	case x.spec.Type == mapArray:
		return einval, nil, nil
	case r == nil:
		return enoent, nil, nil
	}
	x.old = append(x.old, r)
	delete(x.table, string(k))
	return 0, nil, nil
}

// callback is the function of a value.
func (m *machine) callback(v uint64) (int, error) {
	i := v - uint64(ir.FuncValue)
	if i >= uint64(len(m.p.Funcs)) {
		return 0, fmt.Errorf("callback %#x is no function", v)
	}
	return int(i), nil
}

func loop(m *machine, a [5]uint64) (uint64, *turns, error) {
	fn, err := m.callback(a[1])
	if err != nil {
		return 0, nil, err
	}
	n := uint64(uint32(a[0]))
	switch {
	case a[3] != 0:
		return einval, nil, nil
	case n > 1<<23:
		return e2big, nil, nil
	}
	i := uint64(0)
	return 0, &turns{fn: fn, done: func() uint64 { return i }, next: func(f *frame) bool {
		if i == n {
			return false
		}
		f.put(ir.R1, i)
		f.put(ir.R2, a[2])
		i++
		return true
	}}, nil
}

func forEach(m *machine, a [5]uint64) (uint64, *turns, error) {
	fn, err := m.callback(a[1])
	if err != nil {
		return 0, nil, err
	}
	x, err := m.mapOf(a[0])
	if err != nil {
		return 0, nil, err
	}
	if a[3] != 0 {
		return einval, nil, nil
	}
	var keys []string
	var values []*region
	for i, r := range x.values {
		keys, values = append(keys, string([]byte{byte(i), 0, 0, 0})), append(values, r)
	}
	for k, r := range x.table {
		keys, values = append(keys, k), append(values, r)
	}
	i := 0
	return 0, &turns{fn: fn, done: func() uint64 { return uint64(i) }, next: func(f *frame) bool {
		if i == len(keys) {
			return false
		}
		key := m.add("a key", len(keys[i]), false)
		copy(key.bytes, keys[i])
		for j, v := range []uint64{a[0], key.base, values[i].base, a[2]} {
			f.put(ir.R1+ir.Reg(j), v)
		}
		i++
		return true
	}}, nil
}

func iterNew(m *machine, a [5]uint64) (uint64, *turns, error) {
	if _, err := m.find(a[0], 8, true); err != nil {
		return 0, nil, err
	}
	c := &counter{cur: int64(int32(a[1])), end: int64(int32(a[2])), value: m.add("an iterator's number", 4, false)}
	m.counters[a[0]] = c
	if c.cur > c.end {
		c.cur = c.end
		return einval, nil, nil
	}
	return 0, nil, nil
}

func iterNext(m *machine, a [5]uint64) (uint64, *turns, error) {
	c := m.counters[a[0]]
	if c == nil {
		return 0, nil, fmt.Errorf("there is no iterator at %#x", a[0])
	}
	if c.cur >= c.end {
		return 0, nil, nil
	}
	write(c.value.bytes, uint64(c.cur))
	c.cur++
	return c.value.base, nil, nil
}

func iterDestroy(m *machine, a [5]uint64) (uint64, *turns, error) {
	if m.counters[a[0]] == nil {
		return 0, nil, fmt.Errorf("there is no iterator at %#x", a[0])
	}
	delete(m.counters, a[0])
	return 0, nil, nil
}

func reserve(m *machine, a [5]uint64) (uint64, *turns, error) {
	if _, err := m.mapOf(a[0]); err != nil {
		return 0, nil, err
	}
	if m.rng.IntN(4) == 0 {
		return 0, nil, nil
	}
	r := m.random(m.add("a record", int(a[1]), true))
	m.held = append(m.held, r)
	return r.base, nil, nil
}

func release(m *machine, a [5]uint64) (uint64, *turns, error) {
	i := slices.IndexFunc(m.held, func(r *region) bool { return r.base == a[0] })
	if i < 0 {
		return 0, nil, fmt.Errorf("%#x is no record that is held", a[0])
	}
	m.held[i].dead = true
	m.held = slices.Delete(m.held, i, i+1)
	return 0, nil, nil
}

// movePacket puts the packet elsewhere, perhaps shorter or longer.
func movePacket(m *machine, a [5]uint64) (uint64, *turns, error) {
	if a[0] != m.ctx.base {
		return 0, nil, fmt.Errorf("%#x is not the context", a[0])
	}
	m.packet.dead = true
	m.packet = m.random(m.add("the packet", m.rng.IntN(80), m.packet.write))
	return map[bool]uint64{true: einval, false: 0}[m.rng.IntN(4) == 0], nil, nil
}

func loadBytes(m *machine, a [5]uint64) (uint64, *turns, error) {
	n := uint64(uint32(a[3]))
	to, err := m.find(a[2], int(n), true)
	if err != nil {
		return 0, nil, err
	}
	off := uint64(uint32(a[1]))
	if off+n > uint64(len(m.packet.bytes)) {
		clear(to)
		return efault, nil, nil
	}
	copy(to, m.packet.bytes[off:])
	return 0, nil, nil
}

func csumDiff(m *machine, a [5]uint64) (uint64, *turns, error) {
	for i := 0; i < 4; i += 2 {
		if n := uint64(uint32(a[i+1])); n > 0 {
			if _, err := m.find(a[i], int(n), false); err != nil {
				return 0, nil, err
			}
		}
	}
	return m.rng.Uint64() >> m.rng.IntN(64), nil, nil
}
