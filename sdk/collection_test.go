package sdk_test

import (
	"encoding/binary"
	"errors"
	"maps"
	"net/netip"
	"runtime"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpfc/bpfc/sdk"
	"github.com/bpfc/bpfc/sdk/builtin"
)

// everyMap counts packets in several kinds of maps, leaves a record, and looks at its variables.
const everyMap = `
.map hash, type=hash, key=4, value=8, entries=2
.map array, type=array, key=4, value=16, entries=3
.map percpu, type=percpu_array, key=4, value=4, entries=2
.map deny, type=lpm_trie, key=8, value=4, entries=8, flags=1
.map queue, type=queue, key=0, value=4, entries=2
.map stack, type=stack, key=0, value=4, entries=4
.map ring, type=ringbuf, key=0, value=0, entries=4096
.map jumps, type=prog_array, key=4, value=4, entries=2
.map inner, type=array, key=4, value=8, entries=1
.map outer, type=array_of_maps, key=4, value=4, entries=2, inner=inner

.program count, section="xdp"
	r6 = r1
	*(u32 *)(r10 - 4) = 0
	r1 = percpu ll
	r2 = r10
	r2 += -4
	call bpf_map_lookup_elem
	if r0 == 0 goto counted
	r1 = *(u32 *)(r0 + 0)
	r1 += 1
	*(u32 *)(r0 + 0) = r1
counted:
	r1 = packets ll
	r2 = *(u32 *)(r1 + 0)
	r3 = step ll
	r3 = *(u32 *)(r3 + 0)
	r2 += r3
	*(u32 *)(r1 + 0) = r2
	r1 = 0x0807060504030201 ll
	*(u64 *)(r10 - 16) = r1
	r1 = ring ll
	r2 = r10
	r2 += -16
	r3 = 8
	r4 = 0
	call bpf_ringbuf_output
	r1 = r6
	r2 = jumps ll
	r3 = 1
	call bpf_tail_call
	r0 = 2
	exit
.program drop, section="xdp"
	r0 = 1
	exit
.program inmap, section="xdp"
	*(u32 *)(r10 - 4) = 1
	r1 = outer ll
	r2 = r10
	r2 += -4
	call bpf_map_lookup_elem
	if r0 == 0 goto none
	*(u32 *)(r10 - 4) = 0
	r1 = r0
	r2 = r10
	r2 += -4
	call bpf_map_lookup_elem
	if r0 == 0 goto none
	r0 = *(u64 *)(r0 + 0)
none:	exit
.program table, section="xdp"
	r1 = size ll
	r1 = *(u32 *)(r1 + 0)
	r2 = words ll
	r2 += r1
	r0 = *(u32 *)(r2 + 0)
	exit

.data
step:
	.long 3
.size step, 4
other:
	.quad 0x1122334455667788
.bss
packets:
	.space 4
words:
	.space 16
.rodata
size:
	.long 4
`

// eachBackend runs a test on every back end that runs here, in this process and as in another one.
func eachBackend(t *testing.T, f func(t *testing.T, b sdk.Backend)) {
	for _, name := range builtin.Backends() {
		if name == "amd64" && (runtime.GOOS != "linux" || runtime.GOARCH != "amd64") {
			continue
		}
		b, _ := builtin.Backend(name)
		t.Run(name, func(t *testing.T) { f(t, b) })
		t.Run(name+"-remote", func(t *testing.T) { f(t, remoteRunner{b}) })
	}
}

func collection(t *testing.T, b sdk.Backend) *sdk.Collection {
	c, err := sdk.LoadCollection(t.Context(), readMaps(t), b, sdk.Options{Set: builtin.Linux(), CPUs: 3})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	return c
}

func readMaps(t *testing.T) *sdk.Object {
	o, err := builtin.ReadObject(t.Context(), "every.s", []byte(everyMap), builtin.ReadOptions{})
	require.NoError(t, err)
	return o
}

func run(t *testing.T, c *sdk.Collection, program string) uint64 {
	r, err := c.Programs[program].Exec(t.Context(), sdk.Input{Mem: make([]byte, 64)})
	require.NoError(t, err)
	return r.Ret
}

func TestCollectionListsWhatItHas(t *testing.T) {
	eachBackend(t, func(t *testing.T, b sdk.Backend) {
		c := collection(t, b)
		require.Equal(t, []string{"count", "drop", "inmap", "table"}, slices.Sorted(maps.Keys(c.Programs)))
		require.Equal(t, []string{".bss", ".data", ".rodata", "array", "deny", "hash", "inner", "jumps", "outer", "percpu", "queue", "ring", "stack"}, slices.Sorted(maps.Keys(c.Maps)))
		require.Equal(t, []string{"other", "packets", "size", "step", "words"}, slices.Sorted(maps.Keys(c.Variables)))
		require.Equal(t, uint32(16), c.Maps["array"].Spec().ValueSize)
		require.NotZero(t, c.Maps["inner"].ID())
		require.NotEqual(t, c.Maps["inner"].ID(), c.Maps["outer"].ID())
		require.Zero(t, c.Maps[".data"].ID())
	})
}

// A name that is not there is an error where it is used, not a crash.
func TestNamesThatAreNotThere(t *testing.T) {
	c := collection(t, builtin.Interp())
	_, err := c.Programs["none"].Exec(t.Context(), sdk.Input{})
	require.EqualError(t, err, "the collection has no such program")
	_, err = c.Programs["none"].Context(nil)
	require.Error(t, err)
	m, none := c.Maps["none"], uint32(0)
	_, errRecords := m.Records()
	_, errBytes := m.LookupBytes(none)
	_, errTyped := sdk.TypedMap[uint32, uint32](m)
	var failed error
	for range m.All(&failed) {
		t.Error("an element of no map")
	}
	for _, err := range []error{m.Put(none, none), m.Lookup(none, &none), m.Delete(none), m.Push(none, 0), m.Pop(&none), m.LookupAndDelete(none, &none), errRecords, errBytes, errTyped, failed} {
		require.EqualError(t, err, "the collection has no such map")
	}
	require.EqualError(t, c.Variables["none"].Set(none), "the collection has no such variable")
	require.EqualError(t, c.Variables["none"].Get(&none), "the collection has no such variable")
	require.ErrorContains(t, c.Maps["outer"].Put(uint32(0), c.Maps["none"]), "EBADF")
	require.ErrorContains(t, c.Maps["jumps"].Put(uint32(0), c.Programs["none"]), "EBADF")
	require.ErrorContains(t, sdk.SetVariable(readMaps(t), "none", none), `every.s: it has no variable "none"`)
}

func TestElements(t *testing.T) {
	eachBackend(t, func(t *testing.T, b sdk.Backend) {
		m := collection(t, b).Maps["hash"]
		require.ErrorIs(t, m.Lookup(uint32(7), new(uint64)), sdk.ErrKeyNotExist)
		require.ErrorIs(t, m.Delete(uint32(7)), sdk.ErrKeyNotExist)
		require.ErrorIs(t, m.Update(uint32(7), uint64(1), sdk.UpdateExist), sdk.ErrKeyNotExist)
		require.NoError(t, m.Update(uint32(7), uint64(1)<<40, sdk.UpdateNoExist))
		require.ErrorIs(t, m.Update(uint32(7), uint64(2), sdk.UpdateNoExist), sdk.ErrKeyExist)
		require.NoError(t, m.Put([]byte{8, 0, 0, 0}, [2]uint32{5, 6}))
		err := m.Put(uint32(9), uint64(1))
		require.ErrorIs(t, err, sdk.ErrFull)
		require.NotErrorIs(t, err, sdk.ErrKeyExist)
		var failed *sdk.MapError
		require.ErrorAs(t, err, &failed)
		require.Equal(t, sdk.MapError{Map: "hash", Op: "update", Errno: "E2BIG"}, *failed)
		require.EqualError(t, err, "map hash: update: E2BIG: no room, or no such index")

		var v uint64
		require.NoError(t, m.Lookup(uint32(7), &v))
		require.Equal(t, uint64(1)<<40, v)
		raw, err := m.LookupBytes(uint32(8))
		require.NoError(t, err)
		require.Equal(t, []byte{5, 0, 0, 0, 6, 0, 0, 0}, raw)
		seen := map[uint32]uint64{}
		for k, v := range m.All(&err) {
			seen[binary.LittleEndian.Uint32(k)] = binary.LittleEndian.Uint64(v)
		}
		require.NoError(t, err)
		require.Equal(t, map[uint32]uint64{7: 1 << 40, 8: 6<<32 | 5}, seen)
		require.NoError(t, m.LookupAndDelete(uint32(8), &v))
		require.Equal(t, uint64(6)<<32|5, v)
		require.NoError(t, m.Delete(uint32(7)))
		for range m.All(nil) {
			t.Error("an element is left")
		}
	})
}

func TestKeysAndValuesMustFit(t *testing.T) {
	c := collection(t, builtin.Interp())
	hash, percpu := c.Maps["hash"], c.Maps["percpu"]
	for want, err := range map[string]error{
		"map hash: key: a uint64 of 8 bytes is given, it has 4":                                  hash.Put(uint64(1), uint64(1)),
		"map hash: value: a uint32 of 4 bytes is given, it has 8":                                hash.Put(uint32(1), uint32(1)),
		"map hash: key: a int has no fixed size: an int32 or uint32 has one, an int has none":    hash.Delete(1),
		"map hash: key: a string has no fixed size: an int32 or uint32 has one, an int has none": hash.Delete("1"),
		"map percpu: value: of CPU 1: a uint64 of 8 bytes is given, it has 4":                    percpu.Put(uint32(0), []any{uint32(1), uint64(1)}),
		"map percpu: value: each CPU has one: a *uint32 is no pointer to a slice of them":        percpu.Lookup(uint32(0), new(uint32)),
		"map percpu: value: its 4 bytes do not fit a *uint16":                                    percpu.Lookup(uint32(0), new([]uint16)),
		"map array: value: its 16 bytes do not fit a *uint64":                                    c.Maps["array"].Lookup(uint32(0), new(uint64)),
		"map array: update: E2BIG: no room, or no such index":                                    c.Maps["array"].Put(uint32(3), [2]uint64{}),
		"map ring: update: ENOTSUPP":                                                             c.Maps["ring"].Put([]byte{}, []byte{}),
		"variable step: a uint64 of 8 bytes is given, it has 4":                                  c.Variables["step"].Set(uint64(1)),
		"variable step: its 4 bytes do not fit a *uint64":                                        c.Variables["step"].Get(new(uint64)),
		"every.s: variable size: a uint16 of 2 bytes is given, it has 4":                         sdk.SetVariable(readMaps(t), "size", uint16(1)),
	} {
		require.EqualError(t, err, want)
	}
	require.Error(t, percpu.Put(uint32(0), []uint32{1, 2}), "there are three CPUs")
}

func TestPerCPU(t *testing.T) {
	eachBackend(t, func(t *testing.T, b sdk.Backend) {
		c := collection(t, b)
		m := c.Maps["percpu"]
		var all []uint32
		require.NoError(t, m.Put(uint32(1), []uint32{4, 5, 6}))
		require.NoError(t, m.Lookup(uint32(1), &all))
		require.Equal(t, []uint32{4, 5, 6}, all)
		raw, err := m.LookupBytes(uint32(1))
		require.NoError(t, err)
		require.Len(t, raw, 3*8)
		raw[8] = 50
		require.NoError(t, m.Put(uint32(1), raw))
		require.NoError(t, m.Put(uint32(0), uint32(10)))
		require.NoError(t, m.Lookup(uint32(0), &all))
		require.Equal(t, []uint32{10, 10, 10}, all, "one for all CPUs")
		require.NoError(t, m.Put(uint32(0), []byte{11, 0, 0, 0}))

		require.Equal(t, uint64(2), run(t, c, "count"))
		typed, err := sdk.TypedMap[uint32, uint32](m)
		require.NoError(t, err)
		all, err = typed.PerCPU(0)
		require.NoError(t, err)
		slices.Sort(all)
		require.Equal(t, []uint32{11, 11, 12}, all, "the program counts on its CPU")
		all, err = typed.PerCPU(1)
		require.NoError(t, err)
		require.Equal(t, []uint32{4, 50, 6}, all)
		require.NoError(t, typed.Put(1, 9))
		for k, v := range typed.All(&err) {
			require.Contains(t, map[uint32][]uint32{0: {11, 12}, 1: {9}}[k], v)
		}
		require.NoError(t, err)
	})
}

func TestTypedMaps(t *testing.T) {
	type prefix struct {
		Bits uint32
		Addr [4]byte
	}
	type pair struct{ A, B uint64 }
	eachBackend(t, func(t *testing.T, b sdk.Backend) {
		c := collection(t, b)
		deny, err := sdk.TypedMap[prefix, uint32](c.Maps["deny"])
		require.NoError(t, err)
		net := prefix{8, netip.MustParseAddr("10.0.0.0").As4()}
		require.NoError(t, deny.Put(net, 3))
		got, err := deny.Get(prefix{32, [4]byte{10, 1, 2, 3}})
		require.NoError(t, err)
		require.Equal(t, uint32(3), got)
		for k, v := range deny.All(nil) {
			require.Equal(t, net, k)
			require.Equal(t, uint32(3), v)
		}
		require.NoError(t, deny.Delete(net))
		_, err = deny.Get(net)
		require.ErrorIs(t, err, sdk.ErrKeyNotExist)

		array, err := sdk.TypedMap[uint32, pair](c.Maps["array"])
		require.NoError(t, err)
		require.NoError(t, array.Put(2, pair{1, 2}))
		sum, n := uint64(0), 0
		for _, v := range array.All(&err) {
			sum, n = sum+v.A+v.B, n+1
		}
		require.NoError(t, err)
		require.Equal(t, uint64(3), sum)
		require.Equal(t, 3, n)
		n = 0
		for range array.All(&err) {
			n++
			break
		}
		require.Equal(t, 1, n, "a loop that is left early")

		_, err = sdk.TypedMap[uint64, uint64](c.Maps["hash"])
		require.EqualError(t, err, "map hash: keys have 4 bytes, a uint64 has 8")
		_, err = sdk.TypedMap[uint32, int](c.Maps["hash"])
		require.EqualError(t, err, "map hash: values have 8 bytes, a int has no fixed size")
	})
}

// What marshals itself is a key too: an address.
func TestBinaryMarshalers(t *testing.T) {
	m := collection(t, builtin.Interp()).Maps["hash"]
	require.NoError(t, m.Put(netip.MustParseAddr("10.0.0.9"), uint64(5)))
	var v uint64
	require.NoError(t, m.Lookup([]byte{10, 0, 0, 9}, &v))
	require.Equal(t, uint64(5), v)
	require.Error(t, m.Put(netip.MustParseAddr("::1"), uint64(1)), "16 bytes")
}

func TestQueuesAndStacks(t *testing.T) {
	eachBackend(t, func(t *testing.T, b sdk.Backend) {
		c := collection(t, b)
		var v uint32
		for name, want := range map[string]uint32{"queue": 1, "stack": 2} {
			m := c.Maps[name]
			require.ErrorIs(t, m.Pop(&v), sdk.ErrKeyNotExist)
			require.NoError(t, m.Push(uint32(1), sdk.UpdateAny))
			require.NoError(t, m.Push(uint32(2), sdk.UpdateAny))
			require.NoError(t, m.Pop(&v))
			require.Equal(t, want, v, name)
			require.NoError(t, m.Pop(&v))
			require.Equal(t, 3-want, v, name)
		}
		q := c.Maps["queue"]
		require.NoError(t, q.Push(uint32(1), sdk.UpdateAny))
		require.NoError(t, q.Push(uint32(2), sdk.UpdateAny))
		require.ErrorIs(t, q.Push(uint32(3), sdk.UpdateAny), sdk.ErrFull)
		require.NoError(t, q.Push(uint32(3), sdk.UpdateExist))
		require.NoError(t, q.Pop(&v))
		require.Equal(t, uint32(2), v, "the oldest was dropped")
		require.ErrorContains(t, c.Maps["hash"].Pop(&[]byte{}), "map hash: pop: ")
	})
}

func TestRecordsOfARing(t *testing.T) {
	eachBackend(t, func(t *testing.T, b sdk.Backend) {
		c := collection(t, b)
		run(t, c, "count")
		run(t, c, "count")
		records, err := c.Maps["ring"].Records()
		require.NoError(t, err)
		require.Equal(t, [][]byte{{1, 2, 3, 4, 5, 6, 7, 8}, {1, 2, 3, 4, 5, 6, 7, 8}}, records)
		records, err = c.Maps["ring"].Records()
		require.NoError(t, err)
		require.Empty(t, records, "they are taken once")
		_, err = c.Maps["hash"].Records()
		require.EqualError(t, err, "map hash: read: EOPNOTSUPP")
	})
}

func TestProgramsAndMapsInMaps(t *testing.T) {
	eachBackend(t, func(t *testing.T, b sdk.Backend) {
		c := collection(t, b)
		require.Equal(t, uint64(2), run(t, c, "count"))
		require.NoError(t, c.Maps["jumps"].Put(uint32(1), c.Programs["drop"]))
		require.Equal(t, uint64(1), run(t, c, "count"))
		require.NoError(t, c.Maps["jumps"].Delete(uint32(1)))
		require.Equal(t, uint64(2), run(t, c, "count"))

		require.Equal(t, uint64(0), run(t, c, "inmap"))
		require.NoError(t, c.Maps["outer"].Put(uint32(1), c.Maps["inner"]))
		var id uint32
		require.NoError(t, c.Maps["outer"].Lookup(uint32(1), &id))
		require.Equal(t, c.Maps["inner"].ID(), id)
		require.NoError(t, c.Maps["inner"].Put(uint32(0), uint64(77)))
		require.Equal(t, uint64(77), run(t, c, "inmap"))
		require.Error(t, c.Maps["outer"].Put(uint32(0), c.Maps["hash"]), "another kind than the template")
	})
}

func TestVariables(t *testing.T) {
	eachBackend(t, func(t *testing.T, b sdk.Backend) {
		c := collection(t, b)
		run(t, c, "count")
		var n uint32
		require.NoError(t, c.Variables["packets"].Get(&n))
		require.Equal(t, uint32(3), n)
		require.NoError(t, c.Variables["step"].Set(int32(-1)))
		require.NoError(t, c.Variables["packets"].Set(uint32(10)))
		run(t, c, "count")
		require.NoError(t, c.Variables["packets"].Get(&n))
		require.Equal(t, uint32(9), n)
		var other uint64
		require.NoError(t, c.Variables["other"].Get(&other))
		require.Equal(t, uint64(0x1122334455667788), other, "its neighbour stays")
		var words [4]uint32
		require.NoError(t, c.Variables["words"].Set([4]uint32{1, 2, 3, 4}))
		require.NoError(t, c.Variables["words"].Get(&words))
		require.Equal(t, [4]uint32{1, 2, 3, 4}, words)
		require.Equal(t, uint64(2), run(t, c, "table"))

		require.NoError(t, c.Variables["size"].Get(&n))
		require.Equal(t, uint32(4), n)
		require.ErrorIs(t, c.Variables["size"].Set(uint32(8)), sdk.ErrReadOnly)
	})
}

// A constant that is set before the load is what the verifier proves with, and what programs see; artifacts and objects
// of before keep theirs.
func TestConstantsChangeWhatIsProved(t *testing.T) {
	o, opts := readMaps(t), sdk.Options{Set: builtin.Linux(), CPUs: 1, Programs: []string{"table"}}
	before := *o
	artifact, err := sdk.Compile(t.Context(), o, builtin.Interp(), opts)
	require.NoError(t, err)
	require.NoError(t, sdk.SetVariable(o, "size", uint32(20)))
	_, err = sdk.LoadCollection(t.Context(), o, builtin.Interp(), opts)
	var refused *sdk.VerifyError
	require.ErrorAs(t, err, &refused)
	require.Equal(t, "table", refused.Program)

	require.NoError(t, artifact.CheckDigest())
	for _, object := range []*sdk.Object{&before, o} {
		if object == o {
			require.NoError(t, sdk.SetVariable(o, "size", uint32(12)))
			require.NoError(t, sdk.SetVariable(o, "words", [4]uint32{1, 2, 3, 4}))
		}
		c, err := sdk.LoadCollection(t.Context(), object, builtin.Interp(), opts)
		require.NoError(t, err)
		require.Equal(t, map[bool]uint64{true: 4, false: 0}[object == o], run(t, c, "table"))
		require.NoError(t, c.Close())
	}
}

func TestCollectionsThatDoNotLoad(t *testing.T) {
	opts := sdk.Options{Set: builtin.Linux()}
	only := struct{ sdk.Backend }{builtin.Interp()}
	_, err := sdk.LoadCollection(t.Context(), readMaps(t), only, opts)
	var unsupported *sdk.UnsupportedError
	require.ErrorAs(t, err, &unsupported)

	missing := opts
	missing.Programs = []string{"none"}
	_, err = sdk.LoadCollection(t.Context(), readMaps(t), builtin.Interp(), missing)
	require.ErrorContains(t, err, "none")

	_, err = sdk.LoadCollection(t.Context(), &sdk.Object{Name: "empty.o"}, builtin.Interp(), opts)
	require.ErrorContains(t, err, "empty.o")

	opts.Env = map[string]any{"clock": map[string]any{"pendulum": 1}}
	_, err = sdk.LoadCollection(t.Context(), readMaps(t), builtin.Interp(), opts)
	require.ErrorContains(t, err, "pendulum")
	opts.Env = map[string]any{"clock": make(chan int)}
	_, err = sdk.LoadCollection(t.Context(), readMaps(t), builtin.Interp(), opts)
	require.ErrorContains(t, err, "environment: clock: ")
}

func TestClosedCollections(t *testing.T) {
	c, err := sdk.LoadCollection(t.Context(), readMaps(t), builtin.Interp(), sdk.Options{Set: builtin.Linux()})
	require.NoError(t, err)
	require.NoError(t, c.Close())
	_, err = c.Programs["drop"].Exec(t.Context(), sdk.Input{Mem: make([]byte, 64)})
	require.Error(t, err)
	require.Error(t, c.Maps["hash"].Put(uint32(1), uint64(1)))
}

// Programs run while maps and variables are read and written: no run is lost.
func TestCollectionsAreSafeForConcurrentUse(t *testing.T) {
	eachBackend(t, func(t *testing.T, b sdk.Backend) {
		const workers, runs = 4, 100
		c := collection(t, b)
		var wait sync.WaitGroup
		for g := range uint32(workers) {
			wait.Go(func() {
				for i := range uint64(runs) {
					r, err := c.Programs["count"].Exec(t.Context(), sdk.Input{Mem: make([]byte, 64)})
					var seen []uint32
					var step uint32
					err = errors.Join(err, c.Maps["array"].Put(g%3, [2]uint64{i, i}), c.Maps["percpu"].Lookup(uint32(0), &seen), c.Variables["step"].Get(&step))
					_, failed := c.Maps["ring"].Records()
					if err = errors.Join(err, failed); err != nil || r.Ret != 2 || step != 3 || len(seen) != 3 {
						t.Errorf("goroutine %d: %d, %d, %v, %v", g, r.Ret, step, seen, err)
						return
					}
				}
			})
		}
		wait.Wait()
		var all []uint32
		require.NoError(t, c.Maps["percpu"].Lookup(uint32(0), &all))
		require.Equal(t, uint32(workers*runs), all[0]+all[1]+all[2])
	})
}
