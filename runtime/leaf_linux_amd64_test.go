package runtime

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// slow is a leaf that uses the registers and the stack that a leaf may use, for about a microsecond: it returns 7.
var slow = code{name: "slow", stack: 512, hex: `
	53                       push rbx
	41 55                    push r13
	41 56                    push r14
	41 57                    push r15
	b8 01 00 00 00           mov eax, 1
	31 db                    xor ebx, ebx
	4d 31 ed                 xor r13, r13
	4d 31 f6                 xor r14, r14
	4d 31 ff                 xor r15, r15
	48 89 85 00 fe ff ff     mov [rbp-512], rax` + strings.Repeat(`
	48 0f af c0              imul rax, rax
	48 01 45 f8              add [rbp-8], rax`, 500) + `
	48 8b 85 00 fe ff ff     mov rax, [rbp-512]
	48 83 c0 06              add rax, 6
	41 5f                    pop r15
	41 5e                    pop r14
	41 5d                    pop r13
	5b                       pop rbx
	c3                       ret`}

// delayed counts for some ten milliseconds before it writes its memory. It is no leaf, for it loops; tests make it one.
var delayed = code{name: "delayed", size: 1, hex: `
	b9 00 00 00 02           mov ecx, 1 << 25
	ff c9              turn: dec ecx
	75 fc                    jne turn
	c6 07 01                 mov byte ptr [rdi], 1
	c3                       ret`}

func TestWhichAreLeaves(t *testing.T) {
	for _, p := range load(t, open(t, 1), constant, length, counter, slow, count, asks, guarded, native, element, saved, delayed) {
		want := map[string]bool{"constant": true, "length": true, "counter": true, "slow": true}
		require.Equal(t, want[p.info.Name], p.leaf.is(), p.info.Name)
	}
}

func TestLeafNeedsNoWorker(t *testing.T) {
	ps := load(t, open(t, 1), constant, length, slow)
	w, err := ps[0].Worker(context.Background())
	require.NoError(t, err)
	defer w.Release() // the only one
	for i, want := range []uint64{42, 8, 7} {
		mem := []byte{5, 0, 0}
		got, err := ps[i].Run(mem)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
}

func TestLeafAndWorkerAgree(t *testing.T) {
	ps := load(t, open(t, 1), constant, length, counter, slow)
	for _, p := range ps {
		for _, mem := range [][]byte{{5, 0, 0}, make([]byte, 0, 8)} {
			if len(mem) < int(p.info.CtxSize) {
				_, err := p.Run(mem)
				require.ErrorContains(t, err, "needs memory of at least 1 bytes")
				continue
			}
			leaf, err := p.Run(append(mem[:0:0], mem...))
			require.NoError(t, err)
			leased, err := p.runLeased(append(mem[:0:0], mem...))
			require.NoError(t, err)
			if p.info.Name == "counter" {
				leased-- // it counts its runs
			}
			require.Equal(t, leaf, leased, p.info.Name)
		}
	}
}

// An empty buffer has an address, but R1 is 0 without memory, however the program is entered.
func TestLeafWithoutMemory(t *testing.T) {
	first := code{name: "first", hex: `
	48 89 f8                 mov rax, rdi
	48 01 f0                 add rax, rsi
	c3                       ret`}
	p := load(t, open(t, 1), first)[0]
	require.True(t, p.leaf.is())
	got, err := p.Run(make([]byte, 0, 8))
	require.NoError(t, err)
	require.Zero(t, got)
}

// TestUnloadWaitsForLeaf unloads a program while it runs as a leaf, and closes its runtime: neither returns before it has.
// A page that is unmapped meanwhile would end the test with a fault.
func TestUnloadWaitsForLeaf(t *testing.T) {
	ends := map[string]func(*Program) error{
		"unload": func(p *Program) error { return p.Unload(context.Background()) },
		"close":  func(p *Program) error { return p.unit.runtime.Close() },
	}
	for name, end := range ends {
		runs := 0
		for range 10 {
			p := load(t, open(t, 1), delayed)[0]
			p.leaf.least = 1
			p.leaf.mask = p.mask
			p.leaf.entry.Store(p.unit.code.(*nativeCode).entry[p.entry])
			mem, started, done := make([]byte, 1), make(chan struct{}), make(chan struct{})
			var ran bool
			go func() {
				defer close(done)
				close(started)
				_, ran = p.leaf.run(mem)
			}()
			<-started
			require.NoError(t, end(p), name)
			wrote := mem[0]
			<-done
			require.Equal(t, ran, wrote == 1, "%s while the leaf ran", name)
			if ran {
				runs++
			}
		}
		require.NotZero(t, runs, "%s: no run began before the end", name)
	}
}

// TestLeavesComeAndGo runs leaves while programs are unloaded and loaded again: a run gives its result, or says that its
// program is gone.
func TestLeavesComeAndGo(t *testing.T) {
	r := open(t, 2)
	var now atomic.Pointer[Program]
	now.Store(load(t, r, slow)[0])
	var wg sync.WaitGroup
	var runs atomic.Int64
	stop := make(chan struct{})
	for range 2 {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if got, err := now.Load().Run(nil); err == nil && got == 7 {
					runs.Add(1)
				} else if !errors.Is(err, ErrUnloaded) {
					t.Error(got, err)
					return
				}
			}
		})
	}
	for range 30 {
		next := load(t, r, slow)[0]
		require.NoError(t, now.Swap(next).Unload(context.Background()))
	}
	close(stop)
	wg.Wait()
	require.NotZero(t, runs.Load())
}
