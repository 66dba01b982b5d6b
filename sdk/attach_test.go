package sdk_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bpfc/bpfc/sdk"
	"github.com/bpfc/bpfc/sdk/builtin"
	"github.com/stretchr/testify/require"
)

// note adds a letter to the notes, by way of R1 to R3.
func note(letter byte) string {
	return fmt.Sprintf(`
	r1 = place ll
	r2 = *(u64 *)(r1 + 0)
	r2 += 1
	*(u64 *)(r1 + 0) = r2
	r2 &= 31
	r3 = notes ll
	r3 += r2
	r2 = %d
	*(u8 *)(r3 + 0) = r2
`, letter)
}

// hooked is a program (main), programs that may be hooks of it, and a program (self) that counts and tail-calls itself.
var hooked = `
.license "GPL"
.map jumps, type=prog_array, key=4, value=4, entries=2
.program main, section="mem/8"
	r6 = r1` + note('m') + `
	r0 = *(u64 *)(r6 + 0)
	r0 += 1
	exit
.program same, section="mem/8"
	r6 = r1` + note('s') + `
	r1 = *(u64 *)(r6 + 0)
	r1 += 10
	*(u64 *)(r6 + 0) = r1
	r0 = 77
	exit
.program shorter, section="mem/4"` + note('4') + `
	r0 = 0
	exit
.program longer, section="mem/16"
	r0 = 0
	exit
.program words, section="hook/exit"
	r6 = r1` + note('w') + `
	r7 = seen ll
	r1 = *(u64 *)(r6 + 8)
	*(u64 *)(r7 + 0) = r1
	r1 = *(u64 *)(r6 + 16)
	*(u64 *)(r7 + 8) = r1
	r1 = *(u64 *)(r6 + 24)
	*(u64 *)(r7 + 16) = r1
	r1 = *(u32 *)(r6 + 32)
	*(u64 *)(r7 + 24) = r1
	r1 = r7
	r1 += 32
	r2 = 16
	r3 = *(u64 *)(r6 + 0)
	call bpf_probe_read_kernel
	r0 = 5
	exit
.program plain, section="hook"
	r0 = *(u64 *)(r1 + 16)
	exit
.program breaks, section="mem/8"
	r0 = *(u64 *)(r1 + 4096)
	exit
.program self, section="tc"` + `
	r6 = r1
	r7 = r2
	r1 = count ll
	r2 = *(u64 *)(r1 + 0)
	r2 += 1
	*(u64 *)(r1 + 0) = r2
	r1 = r6
	r2 = jumps ll
	r3 = 0
	call bpf_tail_call
	r0 = 1
	exit
.program first, section="tc"
	r2 = jumps ll
	r3 = 1
	call bpf_tail_call
	r0 = 3
	exit
.program classify, section="tc"
	r6 = r1` + note('c') + `
	r0 = *(u32 *)(r6 + 8)
	exit
.program mark, section="tc"
	r6 = r1` + note('k') + `
	r1 = *(u32 *)(r6 + 8)
	r1 += 3
	*(u32 *)(r6 + 8) = r1
	r0 = 0
	exit
.program leaf, section="mem/8"
	r0 = 1
	exit
.program drop, section="xdp"
	r0 = 1
	exit
.data
notes:
	.space 32
.size notes, 32
place:
	.quad 0
.size place, 8
seen:
	.space 48
.size seen, 48
count:
	.quad 0
.size count, 8
`

// hookedPrograms loads them into this process.
func hookedPrograms(t testing.TB, b sdk.Backend, cpus int) *sdk.Collection {
	o, err := builtin.ReadObject(t.Context(), "hooked.s", []byte(hooked), builtin.ReadOptions{})
	require.NoError(t, err)
	c, err := sdk.LoadCollection(t.Context(), o, b, sdk.Options{Set: builtin.Linux(), Policy: sdk.Guard, CPUs: cpus})
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func inThisProcess(t *testing.T, f func(t *testing.T, b sdk.Backend)) {
	eachBackend(t, func(t *testing.T, b sdk.Backend) {
		if _, ok := b.(remoteRunner); ok {
			t.Skip("hooks are for programs in this process")
		}
		f(t, b)
	})
}

// notes are what programs have noted since the last time.
func notes(t *testing.T, c *sdk.Collection) string {
	t.Helper()
	var text [32]byte
	require.NoError(t, c.Variables["notes"].Get(&text))
	require.NoError(t, c.Variables["notes"].Set([32]byte{}))
	require.NoError(t, c.Variables["place"].Set(uint64(0)))
	return strings.Trim(string(text[:]), "\x00")
}

func attach(t *testing.T, p *sdk.Program, at sdk.Site, hook *sdk.Program) *sdk.Link {
	t.Helper()
	l, err := p.Attach(at, hook)
	require.NoError(t, err)
	return l
}

func attachFunc(t *testing.T, p *sdk.Program, at sdk.Site, hook func(*sdk.Visit)) *sdk.Link {
	t.Helper()
	l, err := p.AttachFunc(at, hook)
	require.NoError(t, err)
	return l
}

func TestHooksRunInOrder(t *testing.T) {
	inThisProcess(t, func(t *testing.T, b sdk.Backend) {
		c := hookedPrograms(t, b, 1)
		main, mem := c.Programs["main"], []byte{1, 0, 0, 0, 0, 0, 0, 0}
		var calls []string
		say := func(s string) func(*sdk.Visit) {
			return func(v *sdk.Visit) {
				ret, err := v.Result()
				require.NoError(t, err)
				calls = append(calls, fmt.Sprint(s, v.Site(), v.Program().Name, v.Memory()[0], ret, len(v.Context())))
			}
		}
		links := []*sdk.Link{
			attach(t, main, sdk.AtEntry, c.Programs["same"]),
			attachFunc(t, main, sdk.AtEntry, say("f")),
			attach(t, main, sdk.AtEntry, c.Programs["words"]),
			attach(t, main, sdk.AtExit, c.Programs["words"]),
			attach(t, main, sdk.AtExit, c.Programs["shorter"]),
			attachFunc(t, main, sdk.AtExit, say("g")),
		}
		ret, err := main.Run(mem)
		require.NoError(t, err)
		require.Equal(t, uint64(12), ret, "the hook has changed the memory, and what it returned is ignored")
		require.Equal(t, "swmw4", notes(t, c))
		require.Equal(t, []string{"fentrymain11 0 0", "gexitmain11 12 0"}, calls)
		var seen [6]uint64
		require.NoError(t, c.Variables["seen"].Get(&seen))
		require.Equal(t, [6]uint64{8, 12, 1, 0, 0, 0}, seen, "of 8 bytes no 16 are read")

		long := append(mem, 7, 0, 0, 0, 0, 0, 0, 0)
		_, err = main.Run(long)
		require.NoError(t, err)
		require.NoError(t, c.Variables["seen"].Get(&seen))
		require.Equal(t, [6]uint64{16, 22, 1, 0, 21, 7}, seen)
		notes(t, c)

		for _, i := range []int{2, 0, 4} {
			require.NoError(t, links[i].Detach(t.Context()))
			require.NoError(t, links[i].Detach(t.Context()), "again")
		}
		attach(t, main, sdk.AtExit, c.Programs["same"])
		calls = nil
		_, err = main.Run(mem)
		require.NoError(t, err)
		require.Equal(t, "mws", notes(t, c))
		require.Equal(t, []string{"fentrymain11 0 0", "gexitmain11 12 0"}, calls)
		for _, l := range links {
			n, err := l.Failed()
			require.Zero(t, n)
			require.NoError(t, err)
			require.Zero(t, l.Missed())
		}
	})
}

// Every way to run a program runs its hooks.
func TestEveryRunHasHooks(t *testing.T) {
	inThisProcess(t, func(t *testing.T, b sdk.Backend) {
		c := hookedPrograms(t, b, 2)
		for _, name := range []string{"main", "drop", "leaf"} {
			p, mem, runs := c.Programs[name], make([]byte, 64), 0
			w, err := p.Worker(t.Context())
			require.NoError(t, err)
			mems, rets := make([][]byte, 200), make([]uint64, 200)
			for i := range mems {
				mems[i] = mem
			}
			_, err = w.RunEach(mems, rets)
			require.NoError(t, err)
			var l *sdk.Link
			l = attachFunc(t, p, sdk.AtExit, func(v *sdk.Visit) {
				ret, err := v.Result()
				require.NoError(t, err)
				require.Equal(t, uint64(1), ret)
				require.Len(t, v.Memory(), 64)
				runs++
			})
			ran := func(n int) {
				t.Helper()
				require.Equal(t, n, runs)
				runs = 0
			}
			_, err = w.Run(mem)
			require.NoError(t, err)
			_, err = w.RunContext(nil, mem)
			require.NoError(t, err)
			ran(2)
			_, err = w.RunEach(mems, rets)
			require.NoError(t, err)
			ran(200)
			w.Release()
			_, err = p.Run(mem)
			require.NoError(t, err)
			_, err = p.Exec(t.Context(), sdk.Input{Mem: mem})
			require.NoError(t, err)
			ran(2)
			_, err = p.RunBatch(t.Context(), sdk.Batch{Inputs: []sdk.Input{{Mem: mem}, {Mem: mem}}, Repeat: 3})
			require.NoError(t, err)
			ran(6)
			out, err := p.RunBatch(t.Context(), sdk.Batch{Inputs: []sdk.Input{{Mem: mem}, {Mem: mem}}, Trace: true})
			require.NoError(t, err)
			ran(2)
			require.Equal(t, uint64(1), out.Results[1].Ret)
			require.NoError(t, l.Detach(t.Context()))
			_, err = p.Run(mem)
			require.NoError(t, err)
			ran(0)
		}
	})
}

// Programs with a context: a hook of the same type changes it, one of type bpf_hook reads it behind its address.
func TestHooksSeeContexts(t *testing.T) {
	inThisProcess(t, func(t *testing.T, b sdk.Backend) {
		c := hookedPrograms(t, b, 1)
		p := c.Programs["classify"]
		attach(t, p, sdk.AtEntry, c.Programs["mark"])
		attach(t, p, sdk.AtExit, c.Programs["words"])
		attach(t, p, sdk.AtExit, c.Programs["mark"])
		var fields map[string]any
		attachFunc(t, p, sdk.AtExit, func(v *sdk.Visit) {
			var err error
			fields, err = p.Fields(v.Context())
			require.NoError(t, err)
			require.Len(t, v.Memory(), 60)
		})
		ctx, err := p.Context(map[string]any{"mark": 4, "cb": []int{5}})
		require.NoError(t, err)
		r, err := p.Exec(t.Context(), sdk.Input{Mem: make([]byte, 60), Ctx: ctx})
		require.NoError(t, err)
		require.Equal(t, uint64(7), r.Ret)
		require.Equal(t, "kcwk", notes(t, c))
		var seen [6]uint64
		require.NoError(t, c.Variables["seen"].Get(&seen))
		require.Equal(t, [4]uint64{0, 7, 1, 0}, [4]uint64(seen[:4]))
		require.Equal(t, uint64(60), seen[4]&0xffffffff, "len")
		require.Equal(t, uint64(7), seen[5]&0xffffffff, "mark")
		require.Equal(t, uint64(10), fields["mark"])
		after, err := p.Fields(r.Ctx)
		require.NoError(t, err)
		require.Equal(t, uint64(10), after["mark"])
		require.Equal(t, []uint64{5, 0, 0, 0, 0}, after["cb"])
	})
}

// Tail calls enter past the hooks of their targets, and what hooks tail-call ends.
func TestHooksAndTailCalls(t *testing.T) {
	inThisProcess(t, func(t *testing.T, b sdk.Backend) {
		c := hookedPrograms(t, b, 1)
		self, first, mem := c.Programs["self"], c.Programs["first"], make([]byte, 64)
		require.NoError(t, c.Maps["jumps"].Put(uint32(0), self))
		require.NoError(t, c.Maps["jumps"].Put(uint32(1), self))
		run := func(p *sdk.Program, ret, count uint64) {
			t.Helper()
			require.NoError(t, c.Variables["count"].Set(uint64(0)))
			got, err := p.Run(mem)
			require.NoError(t, err)
			require.Equal(t, ret, got)
			var n uint64
			require.NoError(t, c.Variables["count"].Get(&n))
			require.Equal(t, count, n)
		}
		run(self, 1, 34)
		calls := ""
		entry := attachFunc(t, self, sdk.AtEntry, func(*sdk.Visit) { calls += "e" })
		exit := attachFunc(t, self, sdk.AtExit, func(v *sdk.Visit) { ret, _ := v.Result(); calls += fmt.Sprint("x", ret) })
		run(self, 1, 34)
		require.Equal(t, "ex1", calls)
		run(first, 1, 33)
		require.Equal(t, "ex1", calls, "tail calls enter past hooks")
		attachFunc(t, first, sdk.AtExit, func(v *sdk.Visit) { ret, _ := v.Result(); calls += fmt.Sprint("f", ret) })
		attach(t, first, sdk.AtExit, c.Programs["words"])
		run(first, 1, 33)
		require.Equal(t, "ex1f1", calls, "with the result of the chain")
		require.NoError(t, entry.Detach(t.Context()))
		require.NoError(t, exit.Detach(t.Context()))

		last := attach(t, self, sdk.AtExit, self)
		run(self, 1, 35)
		require.NoError(t, last.Detach(t.Context()))
		before := attach(t, self, sdk.AtEntry, self)
		run(self, 1, 68)
		attach(t, self, sdk.AtEntry, first)
		run(self, 1, 68)
		require.NoError(t, before.Detach(t.Context()))
		run(self, 1, 33+34)

		// Traces count tail calls from 0 in each run too, and begin in their program.
		if out, err := c.Programs["first"].RunBatch(t.Context(), sdk.Batch{Inputs: []sdk.Input{{Mem: mem}, {Mem: mem}}, Trace: true}); len(out.Results[0].Trace) > 0 {
			require.NoError(t, err)
			require.Equal(t, len(out.Results[0].Trace), len(out.Results[1].Trace))
		}
	})
}

// A hook that fails changes nothing, and a program that fails has its hooks at the exit.
func TestHooksAndFaults(t *testing.T) {
	inThisProcess(t, func(t *testing.T, b sdk.Backend) {
		c := hookedPrograms(t, b, 1)
		main, breaks, mem := c.Programs["main"], c.Programs["breaks"], make([]byte, 8)
		at := []*sdk.Link{attach(t, main, sdk.AtEntry, breaks), attach(t, main, sdk.AtExit, breaks)}
		for range 3 {
			ret, err := main.Run(mem)
			require.NoError(t, err)
			require.Equal(t, uint64(1), ret)
		}
		for _, l := range at {
			n, err := l.Failed()
			require.Equal(t, uint64(3), n)
			var fault *sdk.Fault
			require.ErrorAs(t, err, &fault)
			require.Equal(t, "breaks", fault.Program)
			require.NoError(t, l.Detach(t.Context()))
		}
		var seen error
		attachFunc(t, breaks, sdk.AtExit, func(v *sdk.Visit) { _, seen = v.Result() })
		attach(t, breaks, sdk.AtExit, c.Programs["words"])
		_, err := breaks.Run(mem)
		var fault *sdk.Fault
		require.ErrorAs(t, err, &fault)
		require.Equal(t, fault, seen)
		var words [6]uint64
		require.NoError(t, c.Variables["seen"].Get(&words))
		require.Equal(t, [4]uint64{8, 0, 1, 1}, [4]uint64(words[:4]))
	})
}

// A hook that runs its own program ends, with workers to spare and without.
func TestHooksEnd(t *testing.T) {
	inThisProcess(t, func(t *testing.T, b sdk.Backend) {
		c := hookedPrograms(t, b, 3)
		main, self, calls := c.Programs["main"], c.Programs["self"], 0
		var l *sdk.Link
		l = attachFunc(t, main, sdk.AtEntry, func(*sdk.Visit) {
			calls++
			for range 2 {
				ret, err := main.Run(make([]byte, 8))
				require.NoError(t, err)
				require.Equal(t, uint64(1), ret)
			}
			_, err := self.Run(make([]byte, 64)) // which runs main in turn
			require.NoError(t, err)
			require.NoError(t, l.Detach(t.Context()), "does not wait for itself")
		})
		attachFunc(t, self, sdk.AtExit, func(*sdk.Visit) {
			calls += 10
			_, err := main.Run(make([]byte, 8))
			require.NoError(t, err)
			require.Error(t, c.Close(), "the runtime is in use")
		})
		_, err := main.Run(make([]byte, 8))
		require.NoError(t, err)
		require.Equal(t, 11, calls)
		require.Equal(t, uint64(3), l.Missed())

		c = hookedPrograms(t, b, 1)
		main = c.Programs["main"]
		w, err := main.Worker(t.Context())
		require.NoError(t, err)
		attachFunc(t, main, sdk.AtExit, func(*sdk.Visit) {
			_, err := c.Programs["self"].Run(make([]byte, 64))
			require.ErrorContains(t, err, "does not wait for a worker")
			_, err = w.Run(make([]byte, 16))
			require.ErrorContains(t, err, "does not wait for a worker, and does not use its own")
		})
		mem := make([]byte, 8)
		for range 2 {
			ret, err := w.Run(mem)
			require.NoError(t, err)
			require.Equal(t, uint64(1), ret)
		}
		w.Release()
	})
}

// A panic of a hook leaves worker and program as they were.
func TestHookPanics(t *testing.T) {
	inThisProcess(t, func(t *testing.T, b sdk.Backend) {
		c := hookedPrograms(t, b, 1)
		main := c.Programs["main"]
		l := attachFunc(t, main, sdk.AtEntry, func(*sdk.Visit) { panic("hook") })
		require.PanicsWithValue(t, "hook", func() { _, _ = main.Run(make([]byte, 8)) })
		require.NoError(t, l.Detach(t.Context()))
		calls := 0
		attachFunc(t, main, sdk.AtEntry, func(*sdk.Visit) { calls++ })
		_, err := main.Run(make([]byte, 8))
		require.NoError(t, err)
		require.Equal(t, 1, calls)
	})
}

func TestClosedHooks(t *testing.T) {
	inThisProcess(t, func(t *testing.T, b sdk.Backend) {
		c := hookedPrograms(t, b, 1)
		main, mem := c.Programs["main"], make([]byte, 8)
		l := attach(t, main, sdk.AtEntry, c.Programs["same"])
		on := attachFunc(t, c.Programs["plain"], sdk.AtEntry, func(*sdk.Visit) {})
		require.NoError(t, c.Programs["same"].Close())
		ret, err := main.Run(mem)
		require.NoError(t, err)
		require.Equal(t, uint64(1), ret)
		require.NoError(t, l.Detach(t.Context()))
		require.NoError(t, c.Programs["plain"].Close())
		require.NoError(t, on.Detach(t.Context()))
		_, err = main.Attach(sdk.AtEntry, c.Programs["same"])
		require.ErrorContains(t, err, "unloaded")
		_, err = c.Programs["plain"].AttachFunc(sdk.AtExit, func(*sdk.Visit) {})
		require.ErrorContains(t, err, "unloaded")
		l = attach(t, main, sdk.AtEntry, c.Programs["words"])
		require.NoError(t, c.Close())
		require.NoError(t, l.Detach(t.Context()))
		_, err = main.Attach(sdk.AtEntry, c.Programs["words"])
		require.ErrorContains(t, err, "closed")
	})
}

func TestAttachRefuses(t *testing.T) {
	inThisProcess(t, func(t *testing.T, b sdk.Backend) {
		c, other := hookedPrograms(t, b, 1), hookedPrograms(t, b, 1)
		main := c.Programs["main"]
		for _, x := range []struct {
			hook *sdk.Program
			site sdk.Site
			want string
		}{
			{other.Programs["same"], sdk.AtEntry, "a program of the same session"},
			{c.Programs["longer"], sdk.AtEntry, "needs memory of at least 16 bytes, and type mem/8 promises 8"},
			{c.Programs["drop"], sdk.AtEntry, "type xdp is no hook of one of type mem/8"},
			{c.Programs["same"], 2, "neither its entry nor its exit"},
			{nil, sdk.AtEntry, "no such program"},
		} {
			_, err := main.Attach(x.site, x.hook)
			require.ErrorContains(t, err, x.want)
		}
		_, err := main.AttachFunc(sdk.AtEntry, nil)
		require.ErrorContains(t, err, "nil")
		far := hookedPrograms(t, remoteRunner{b}, 1)
		var unsupported *sdk.UnsupportedError
		_, err = far.Programs["main"].Attach(sdk.AtEntry, far.Programs["same"])
		require.ErrorAs(t, err, &unsupported)
		_, err = far.Programs["main"].AttachFunc(sdk.AtEntry, func(*sdk.Visit) {})
		require.ErrorAs(t, err, &unsupported)
	})
}

// Hooks come and go while eight goroutines run the program in every way: no run is in a hook that Detach has returned from.
func TestHooksComeAndGo(t *testing.T) {
	inThisProcess(t, func(t *testing.T, b sdk.Backend) {
		c := hookedPrograms(t, b, 4)
		self := c.Programs["self"]
		require.NoError(t, c.Maps["jumps"].Put(uint32(0), self))
		ctx, stop := context.WithCancel(t.Context())
		var g sync.WaitGroup
		for i := range 8 {
			g.Go(func() {
				mem := make([]byte, 64)
				for ctx.Err() == nil {
					if err := runSomehow(self, mem, i); err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		var calls atomic.Int64
		for begin := time.Now(); time.Since(begin) < 400*time.Millisecond; {
			var gone atomic.Bool
			f := attachFunc(t, self, sdk.AtEntry, func(v *sdk.Visit) {
				calls.Add(1)
				if gone.Load() {
					t.Error("called after Detach")
				}
			})
			links := []*sdk.Link{attach(t, self, sdk.AtExit, self), attach(t, self, sdk.AtExit, c.Programs["plain"]), attach(t, self, sdk.AtEntry, c.Programs["mark"])}
			time.Sleep(time.Millisecond)
			require.NoError(t, f.Detach(ctx))
			gone.Store(true)
			for _, l := range links {
				require.NoError(t, l.Detach(ctx))
				n, err := l.Failed()
				require.Zero(t, n, err)
			}
		}
		stop()
		g.Wait()
		require.NotZero(t, calls.Load())
	})
}

// runSomehow runs a program that returns 1, in one of the ways to do so.
func runSomehow(p *sdk.Program, mem []byte, way int) (err error) {
	ret, rets := uint64(1), []uint64{1, 1, 1}
	switch way % 4 {
	case 0:
		ret, err = p.Run(mem)
	case 1:
		w, err := p.Worker(context.Background())
		if err != nil {
			return err
		}
		defer w.Release()
		for range 50 {
			if ret, err = w.Run(mem); err != nil {
				return err
			}
		}
	case 2:
		w, err := p.Worker(context.Background())
		if err != nil {
			return err
		}
		defer w.Release()
		_, err = w.RunEach([][]byte{mem, mem, mem}, rets)
	case 3:
		_, err = p.RunBatch(context.Background(), sdk.Batch{Inputs: []sdk.Input{{Mem: mem}}, Repeat: 20})
	}
	if err == nil && (ret != 1 || rets[2] != 1) {
		err = errors.New("another result")
	}
	return err
}

// Detach waits for the run that is in the hook, as long as its context lets it, and for no other program's.
func TestDetachWaits(t *testing.T) {
	inThisProcess(t, func(t *testing.T, b sdk.Backend) {
		c := hookedPrograms(t, b, 2)
		main, in, out := c.Programs["main"], make(chan bool), make(chan bool)
		w, err := main.Worker(t.Context())
		require.NoError(t, err)
		l := attachFunc(t, main, sdk.AtExit, func(*sdk.Visit) { in <- true; <-out })
		var g sync.WaitGroup
		g.Go(func() {
			_, err := w.Run(make([]byte, 8))
			require.NoError(t, err)
			<-in
			w.Release()
		})
		<-in
		short, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		defer cancel()
		require.ErrorIs(t, l.Detach(short), context.DeadlineExceeded)
		done := make(chan error, 1)
		go func() { done <- l.Detach(context.Background()) }()
		select {
		case <-done:
			t.Fatal("a run is in the hook")
		case <-time.After(10 * time.Millisecond):
		}
		out <- true
		require.NoError(t, <-done, "the worker is held still")
		in <- true
		g.Wait()
	})
}
