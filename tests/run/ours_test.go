package run

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/bpfc/bpfc/core"
	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/codegen"
	"github.com/bpfc/bpfc/core/obj"
	"github.com/bpfc/bpfc/tests/kernel"
)

// compile makes an artifact of the subject's programs.
func (s *subject) compile(ctx context.Context, b codegen.Backend, set *abi.Set, programs []*obj.Program) (*codegen.Artifact, error) {
	o := *s.object
	o.Programs = nil
	for _, p := range programs {
		o.Programs = append(o.Programs, *s.fixed(p, false))
		o.Programs[len(o.Programs)-1].Off = false
	}
	return core.Compile(ctx, &o, set, b, core.Options{})
}

// outcome is what a sequence of runs has come to. Its maps are by name.
type outcome struct {
	puts  []string
	steps []kernel.Ran
	maps  map[string][]kernel.Element
}

// home is a session of ours with the subject's programs.
type home struct {
	s       *subject
	session codegen.Session
	ids     []codegen.ProgID
	numbers map[string][]byte // of maps
}

// environment is that of the kernel's session.
func environment(p *kernel.Process) map[string][]byte {
	part := func(v any) []byte {
		b, err := json.Marshal(v)
		if err != nil {
			panic(err)
		}
		return b
	}
	lo := map[string]any{"ifindex": 1, "name": "lo", "mtu": 65536, "no_forwarding": true, "addresses": []string{"127.0.0.1/8", "::1/128"}}
	return map[string][]byte{
		"clock":   part(map[string]any{"ktime": now, "hz": 250, "boot_offset": 0, "tai_offset": 0}),
		"tasks":   part([]map[string]any{{"pid": p.TID, "tgid": p.PID, "uid": p.UID, "gid": p.GID, "comm": p.Comm}}),
		"devices": part([]any{lo}),
	}
}

// cpus is the number of virtual CPUs: that of the kernel.
var cpus = kernel.CPUs()

// open loads the artifact into a session of its own.
func (s *subject) open(ctx context.Context, b engine, a *codegen.Artifact, spec codegen.Spec) (*home, error) {
	spec.CPUs = cpus
	session, err := b.Open(ctx, spec)
	if err != nil {
		return nil, err
	}
	h := &home{s: s, session: session, numbers: map[string][]byte{}}
	if h.ids, err = session.Load(ctx, a); err != nil {
		_ = session.Close()
		return nil, err
	}
	list, err := session.Maps(ctx, []codegen.MapOp{{Kind: codegen.MapList, Prog: h.ids[0]}})
	if err != nil {
		_ = session.Close()
		return nil, err
	}
	for _, e := range list[0].Entries {
		h.numbers[e.Map.Name] = e.Value
	}
	return h, nil
}

// perCPU are the kinds of maps with a value for each CPU.
var perCPU = map[uint32]bool{mapPerCPUHash: true, mapPerCPUArray: true, mapLRUPerCPUHash: true}

// put is one put as an operation on our maps.
func (h *home) put(p *kernel.Put) codegen.MapOp {
	m := &h.s.object.Maps[p.Map]
	op := codegen.MapOp{Kind: codegen.MapPut, Prog: h.ids[0], Map: m.Name, Key: p.Key, Value: p.Value}
	switch {
	case p.Key == nil:
		op.Kind = codegen.MapPush
	case p.Program > 0:
		op.Value = binary.LittleEndian.AppendUint32(nil, uint32(h.ids[p.Program-1]))
	case p.Inner > 0:
		op.Value = h.numbers[h.s.object.Maps[p.Inner-1].Name]
	case perCPU[m.Type]:
		padded := append(bytes.Clone(p.Value), make([]byte, -len(p.Value)&7)...)
		op.Value = bytes.Repeat(padded, cpus)
	}
	return op
}

// run does the puts and the steps, and reads the maps.
func (h *home) run(ctx context.Context, puts []kernel.Put, steps []kernel.Step) (out outcome, err error) {
	var ops []codegen.MapOp
	for i := range puts {
		ops = append(ops, h.put(&puts[i]))
	}
	results, err := h.session.Maps(ctx, ops)
	if err != nil {
		return out, err
	}
	for _, r := range results {
		out.puts = append(out.puts, r.Err)
	}
	for i := range steps {
		if err := h.step(ctx, &steps[i], &out); err != nil {
			return out, fmt.Errorf("run %d: %w", i, err)
		}
	}
	all, err := h.dump(ctx)
	for name, events := range out.maps {
		all[name] = events
	}
	out.maps = all
	return out, err
}

// step runs a program once.
func (h *home) step(ctx context.Context, st *kernel.Step, out *outcome) error {
	in := codegen.Input{Mem: bytes.Clone(st.Data), Ctx: st.Context}
	res, err := h.session.Run(ctx, h.ids[st.Program], codegen.Batch{Inputs: []codegen.Input{in}})
	switch {
	case err != nil:
		out.steps = append(out.steps, kernel.Ran{Err: err.Error()})
		return ctx.Err()
	case res.Results[0].Fault != nil:
		return res.Results[0].Fault
	}
	r := &res.Results[0]
	out.steps = append(out.steps, kernel.Ran{Ret: uint32(r.Ret), Data: r.Mem, Context: r.Ctx})
	for i := range r.Records {
		out.note(&r.Records[i])
	}
	return nil
}

// note takes a record for what the kernel has in its place: an event in the map of events, the keys of a flow dissector.
func (out *outcome) note(r *codegen.Record) {
	switch {
	case r.Helper == "flow_keys":
		out.steps[len(out.steps)-1].Data = r.Data
	case strings.HasSuffix(r.Helper, "_output"):
		if out.maps == nil {
			out.maps = map[string][]kernel.Element{}
		}
		out.maps[r.Map] = append(out.maps[r.Map], kernel.Element{Value: r.Data})
	}
}

// dump reads all maps.
func (h *home) dump(ctx context.Context) (map[string][]kernel.Element, error) {
	all := map[string][]kernel.Element{}
	list, err := h.session.Maps(ctx, []codegen.MapOp{{Kind: codegen.MapList, Prog: h.ids[0]}})
	if err != nil {
		return nil, err
	}
	for _, e := range list[0].Entries {
		if all[e.Map.Name], err = h.elements(ctx, &e.Map); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// elements are those of a map as the kernel's session reports them.
func (h *home) elements(ctx context.Context, m *abi.MapSpec) (all []kernel.Element, err error) {
	kind := codegen.MapIterate
	switch m.Type {
	case mapRingBuf:
		kind = codegen.MapConsume
	case mapQueue, mapStack:
		return h.drain(ctx, m)
	}
	res, err := h.session.Maps(ctx, []codegen.MapOp{{Kind: kind, Prog: h.ids[0], Map: m.Name}})
	if err != nil {
		return nil, err
	}
	for _, e := range res[0].Entries {
		v := e.Value
		if perCPU[m.Type] {
			v = v[:m.ValueSize]
		}
		if (m.Type == mapArray || m.Type == mapPerCPUArray) && len(bytes.Trim(v, "\x00")) == 0 {
			continue
		}
		all = append(all, kernel.Element{Key: e.Key, Value: v})
	}
	return all, nil
}

// drain takes the values of a queue or a stack.
func (h *home) drain(ctx context.Context, m *abi.MapSpec) (all []kernel.Element, err error) {
	for {
		res, err := h.session.Maps(ctx, []codegen.MapOp{{Kind: codegen.MapPop, Prog: h.ids[0], Map: m.Name}})
		if err != nil || res[0].Err != "" {
			return all, err
		}
		all = append(all, kernel.Element{Value: res[0].Entries[0].Value})
	}
}

// spy is what is seen of runs: the keys that were asked for and not there, by map, and the slots that each run reaches.
type spy struct {
	asked   map[string][][]byte
	reached [][]int
}

// lookup is bpf_map_lookup_elem that takes note of what is not there.
func (s *spy) lookup(c codegen.Call, table, key, _, _, _ uint64) uint64 {
	const most = 24
	m := c.Map(table)
	if m == nil {
		return 0
	}
	k := c.Bytes(key, uint64(m.Spec().KeySize), false)
	addr := m.Lookup(k, c.CPU())
	if name := m.Spec().Name; addr == 0 && len(s.asked[name]) < most {
		s.asked[name] = append(s.asked[name], bytes.Clone(k))
	}
	return addr
}

// spy runs the steps, as far as a few thousand turns, and looks at what they do.
func (s *subject) spy(ctx context.Context, b engine, a *codegen.Artifact, set *abi.Set, puts []kernel.Put, steps []kernel.Step) (*spy, error) {
	const turns = 4000
	out := &spy{asked: map[string][][]byte{}}
	helpers := map[string]codegen.GoHelper{"bpf_map_lookup_elem": out.lookup}
	h, err := s.open(ctx, b, a, codegen.Spec{Set: set, Env: environment(&kernel.Process{PID: 1, TID: 1}), Helpers: helpers})
	if err != nil {
		return nil, err
	}
	defer h.session.Close()
	var ops []codegen.MapOp
	for i := range puts {
		ops = append(ops, h.put(&puts[i]))
	}
	if _, err := h.session.Maps(ctx, ops); err != nil {
		return nil, err
	}
	for _, st := range steps {
		in := codegen.Input{Mem: bytes.Clone(st.Data), Ctx: st.Context}
		res, err := h.session.Run(ctx, h.ids[st.Program], codegen.Batch{Inputs: []codegen.Input{in}, Trace: true, Fuel: turns})
		var slots []int
		if err == nil {
			slots = slotsOf(res.Results[0].Trace)
		}
		out.reached = append(out.reached, slots)
	}
	return out, ctx.Err()
}

// slotsOf are the slots of a trace, each once.
func slotsOf(trace []codegen.TraceStep) (slots []int) {
	for i := range trace {
		slots = append(slots, trace[i].Slot)
	}
	slices.Sort(slots)
	return slices.Compact(slots)
}
