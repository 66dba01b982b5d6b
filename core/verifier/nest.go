package verifier

import "github.com/bpfc/bpfc/core/ir"

// loops finds the blocks of the loops of a function. A loop is its head and what reaches one of
// its turns back without passing the head.
type loops struct {
	preds [][]ir.BlockID
	place []int        // in postorder, -1 if no way leads there
	in    []ir.BlockID // the head in whose loop a block was found last, -1 if in none
}

func newLoops(f *ir.Func, post []ir.BlockID) *loops {
	l := &loops{preds: predecessors(f), place: make([]int, len(f.Blocks)), in: make([]ir.BlockID, len(f.Blocks))}
	for b := range f.Blocks {
		l.place[b], l.in[b] = -1, -1
	}
	for i, b := range post {
		l.place[b] = i
	}
	return l
}

// body is the loop of head h: the head first. It has block 0 behind it if the loop is entered elsewhere.
func (l *loops) body(h ir.BlockID) []ir.BlockID {
	list := []ir.BlockID{h}
	l.in[h] = h
	add := func(b ir.BlockID) {
		if l.in[b] != h {
			l.in[b] = h
			list = append(list, b)
		}
	}
	for _, u := range l.preds[h] {
		if l.place[u] >= 0 && l.place[u] <= l.place[h] {
			add(u)
		}
	}
	for i := 1; i < len(list); i++ {
		for _, u := range l.preds[list[i]] {
			add(u)
		}
	}
	return list
}

// loopsAround finds the head of the innermost loop that each block is in, -1 if there is none.
func loopsAround(f *ir.Func, facts *FuncFacts) []ir.BlockID {
	around, size := make([]ir.BlockID, len(f.Blocks)), make([]int, len(f.Blocks))
	for b := range around {
		around[b] = -1
	}
	l := newLoops(f, facts.post)
	for h, head := range facts.LoopHeads {
		if !head {
			continue
		}
		body := l.body(ir.BlockID(h))
		for _, b := range body {
			if around[b] < 0 || len(body) < size[b] {
				around[b], size[b] = ir.BlockID(h), len(body)
			}
		}
	}
	return around
}

// predecessors lists, by block, those that lead to it.
func predecessors(f *ir.Func) [][]ir.BlockID {
	out := make([][]ir.BlockID, len(f.Blocks))
	for _, b := range f.Blocks {
		succs, n := b.Succs()
		for _, s := range succs[:n] {
			out[s] = append(out[s], b.ID)
		}
	}
	return out
}
