package run

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/bpfc/bpfc/tests/kernel"
)

// reference is what the kernel says, of the steps that it has run.
func (q *sequence) reference(count func(what string, n int)) (steps []kernel.Step, want outcome) {
	a := q.answer
	want = outcome{puts: a.Puts, maps: map[string][]kernel.Element{}}
	for i := range a.Steps {
		if r := &a.Steps[i]; r.Err == "" {
			steps, want.steps = append(steps, q.steps[i]), append(want.steps, *r)
		} else {
			count("runs that the kernel refuses: "+r.Err+", of type "+q.typeOf(q.programs[q.steps[i].Program]).Name, 1)
		}
	}
	for i := range q.object.Maps {
		want.maps[q.object.Maps[i].Name] = a.Maps[i]
	}
	for i := range q.object.Data {
		want.maps[q.object.Data[i].Name] = a.Maps[len(q.object.Maps)+i]
	}
	return steps, want
}

// differ is the first difference of two outcomes, "" if there is none.
func (q *sequence) differ(want *outcome, steps []kernel.Step, out *outcome) string {
	for i := range q.puts {
		if want.puts[i] != out.puts[i] {
			m := &q.object.Maps[q.puts[i].Map]
			return fmt.Sprintf("map %s (type %d): putting key %x value %x: %q, here %q", m.Name, m.Type, q.puts[i].Key, q.puts[i].Value, want.puts[i], out.puts[i])
		}
	}
	for i := range steps {
		if d := q.stepDiffers(&want.steps[i], &out.steps[i], &steps[i]); d != "" {
			return fmt.Sprintf("run %d, %s: %s\ndata %x\ncontext %x", i, q.programs[steps[i].Program].Name, d, steps[i].Data, steps[i].Context)
		}
	}
	for i := range q.object.Maps {
		m := &q.object.Maps[i]
		if d := elementsDiffer(want.maps[m.Name], out.maps[m.Name], m.Type); d != "" {
			return fmt.Sprintf("map %s (type %d) after all runs: %s", m.Name, m.Type, d)
		}
	}
	for i := range q.object.Data {
		name := q.object.Data[i].Name
		if d := elementsDiffer(want.maps[name], out.maps[name], mapArray); d != "" {
			return fmt.Sprintf("section %s after all runs: %s", name, d)
		}
	}
	return ""
}

// stepDiffers is how one run differs.
func (q *sequence) stepDiffers(k, o *kernel.Ran, st *kernel.Step) string {
	switch {
	case k.Err != o.Err:
		return fmt.Sprintf("the error %q, here %q", k.Err, o.Err)
	case k.Ret != o.Ret:
		return fmt.Sprintf("returns %#x, here %#x", k.Ret, o.Ret)
	case len(st.Data) > 0 && !bytes.Equal(k.Data, o.Data):
		return fmt.Sprintf("packet after the run:\nwant %x\nhere %x", k.Data, o.Data)
	case k.Context != nil && !sameContext(k.Context, o.Context):
		return fmt.Sprintf("context after the run:\nwant %x\nhere %x", k.Context, o.Context)
	}
	return ""
}

// skbSize is the size of a struct __sk_buff, skbWritten are the bytes of it that the kernel sets after a run
// (convert_skb_to___skb, net/bpf/test_run.c, Linux 6.18). Ours has the others, too, as the program saw them.
const skbSize = 192

var skbWritten = [][2]int{{8, 12}, {32, 44}, {48, 68}, {152, 168}, {184, 192}}

// sameContext compares what the kernel says of the context after a run.
func sameContext(k, o []byte) bool {
	if len(k) != skbSize {
		return bytes.Equal(k, o[:min(len(k), len(o))])
	}
	return !slices.ContainsFunc(skbWritten, func(r [2]int) bool { return !bytes.Equal(k[r[0]:r[1]], o[r[0]:r[1]]) })
}

// elementsDiffer is how the contents of a map differ. Hashes are sets; the records of rings are in order.
func elementsDiffer(k, o []kernel.Element, kind uint32) string {
	switch kind {
	case mapHash, mapArray, mapPerCPUHash, mapPerCPUArray, mapLRUHash, mapLRUPerCPUHash, mapLPMTrie:
		sort := func(es []kernel.Element) []kernel.Element {
			es = slices.Clone(es)
			slices.SortFunc(es, func(a, b kernel.Element) int { return bytes.Compare(a.Key, b.Key) })
			return es
		}
		k, o = sort(k), sort(o)
	case mapQueue, mapStack, mapRingBuf, mapPerfEvents:
	default:
		return ""
	}
	same := func(a, b kernel.Element) bool { return bytes.Equal(a.Key, b.Key) && bytes.Equal(a.Value, b.Value) }
	if kind == mapPerfEvents {
		same = sameEvent
	}
	if slices.EqualFunc(k, o, same) {
		return ""
	}
	i := 0
	for i < min(len(k), len(o)) && same(k[i], o[i]) {
		i++
	}
	text := func(es []kernel.Element) string {
		if i >= len(es) {
			return "nothing"
		}
		return fmt.Sprintf("%x: %x", es[i].Key, es[i].Value)
	}
	return fmt.Sprintf("%d elements, %d here; element %d\nwant %s\nhere %s", len(k), len(o), i, text(k), text(o))
}

// sameEvent compares a record of the kernel's, which is padded, with ours.
func sameEvent(k, o kernel.Element) bool {
	const pad = 8
	n := len(o.Value)
	return len(k.Value) >= n && len(k.Value) < n+pad && bytes.Equal(k.Value[:n], o.Value)
}
