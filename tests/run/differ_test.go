package run

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/bpfc/bpfc/tests/kernel"
)

// differ is the first difference between the kernel and us, "" if there is none.
func (s *subject) differ(a *kernel.SessionAnswer, puts []kernel.Put, steps []kernel.Step, out *outcome) string {
	for i := range puts {
		if a.Puts[i] != out.puts[i] {
			m := &s.object.Maps[puts[i].Map]
			return fmt.Sprintf("map %s (type %d): putting key %x value %x: kernel %q, here %q", m.Name, m.Type, puts[i].Key, puts[i].Value, a.Puts[i], out.puts[i])
		}
	}
	for i := range steps {
		if d := s.stepDiffers(&a.Steps[i], &out.steps[i], &steps[i]); d != "" {
			return fmt.Sprintf("run %d, %s: %s\ndata %x\ncontext %x", i, s.programs[steps[i].Program].Name, d, steps[i].Data, steps[i].Context)
		}
	}
	for i := range s.object.Maps {
		if d := elementsDiffer(a.Maps[i], out.maps[s.object.Maps[i].Name], s.object.Maps[i].Type); d != "" {
			return fmt.Sprintf("map %s (type %d) after all runs: %s", s.object.Maps[i].Name, s.object.Maps[i].Type, d)
		}
	}
	for i := range s.object.Data {
		d := &s.object.Data[i]
		if d := elementsDiffer(a.Maps[len(s.object.Maps)+i], out.maps[d.Name], mapArray); d != "" {
			return fmt.Sprintf("section %s after all runs: %s", s.object.Data[i].Name, d)
		}
	}
	return ""
}

// stepDiffers is how one run differs.
func (s *subject) stepDiffers(k, o *kernel.Ran, st *kernel.Step) string {
	switch {
	case o.Err != "":
		return "the kernel runs it, we do not: " + o.Err
	case k.Ret != o.Ret:
		return fmt.Sprintf("returns %#x in the kernel, %#x here", k.Ret, o.Ret)
	case s.typeOf(s.programs[st.Program]).Kernel == typeFlowDissector:
		return ""
	case len(st.Data) > 0 && !bytes.Equal(k.Data, o.Data):
		return fmt.Sprintf("packet after the run:\nkernel %x\nhere   %x", k.Data, o.Data)
	case k.Context != nil && !sameContext(k.Context, o.Context):
		return fmt.Sprintf("context after the run:\nkernel %x\nhere   %x", k.Context, o.Context)
	}
	return ""
}

// skbSize is the size of a struct __sk_buff, skbWritten are the bytes of it that the kernel sets after a run
// (convert_skb_to___skb, net/bpf/test_run.c, Linux 6.18). Ours has the others, too, as the program saw them.
const skbSize = 192

var skbWritten = [][2]int{{8, 12}, {32, 44}, {48, 68}, {152, 168}, {176, 180}, {184, 192}}

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
	case mapQueue, mapStack, mapRingBuf:
	default:
		return ""
	}
	same := func(a, b kernel.Element) bool { return bytes.Equal(a.Key, b.Key) && bytes.Equal(a.Value, b.Value) }
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
	return fmt.Sprintf("%d elements in the kernel, %d here; element %d\nkernel %s\nhere   %s", len(k), len(o), i, text(k), text(o))
}
