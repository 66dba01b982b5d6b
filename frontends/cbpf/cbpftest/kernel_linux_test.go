package cbpftest_test

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/bpfc/bpfc/frontends/cbpf"
	"github.com/bpfc/bpfc/frontends/cbpf/cbpftest"
	"github.com/bpfc/bpfc/tests/kernel/alive"
)

// These tests compare with the machine's kernel. A filter is attached to one end of a pair of datagram sockets: what arrives
// of a packet is as long as the filter says, or as the packet is.

// sockets is a pair of sockets; what is sent into one runs through the filter of the other.
type sockets struct {
	in, out int
	buf     []byte
}

func newSockets(t testing.TB) *sockets {
	alive.Check(t)
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Skipf("no datagram sockets: %v", err)
	}
	t.Cleanup(func() { unix.Close(fds[0]); unix.Close(fds[1]) })
	return &sockets{fds[0], fds[1], make([]byte, 1<<16)}
}

// attach returns what the kernel says of a filter.
func (s *sockets) attach(insns []cbpf.Insn) error {
	alive.Pace()
	list := kernelForm(insns)
	return unix.SetsockoptSockFprog(s.out, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: uint16(len(list)), Filter: unsafe.SliceData(list)})
}

func kernelForm(insns []cbpf.Insn) []unix.SockFilter {
	list := make([]unix.SockFilter, len(insns))
	for n, i := range insns {
		list[n] = unix.SockFilter(i)
	}
	return list
}

// deliver sends a packet and returns how much of it arrives, -1 for nothing.
func (s *sockets) deliver(t testing.TB, p []byte) int {
	require.NoError(t, unix.Sendto(s.in, p, 0, nil))
	n, _, err := unix.Recvfrom(s.out, s.buf, 0)
	if errors.Is(err, unix.EAGAIN) {
		return -1
	}
	require.NoError(t, err)
	return n
}

// arrives is what should arrive by the reference.
func arrives(t testing.TB, insns []cbpf.Insn, p []byte) int {
	w := cbpftest.Whole(p)
	ret, ok := cbpftest.Run(insns, cbpf.Linux, &w, len(insns))
	require.True(t, ok)
	if ret == 0 {
		return -1
	}
	return int(min(uint64(ret), uint64(len(p))))
}

// compare runs the filter that is attached, and the reference.
func (s *sockets) compare(t testing.TB, name string, insns []cbpf.Insn, p []byte) int {
	want, got := arrives(t, insns, p), s.deliver(t, p)
	if want != got {
		t.Fatalf("%s: %d bytes arrive, by the reference %d (-1: nothing), of %x\n%s", name, got, want, p, cbpf.Print(insns))
	}
	return got
}

func TestKernelRandom(t *testing.T) {
	s := newSockets(t)
	r := rand.New(rand.NewPCG(11, 12))
	packets := cbpftest.Packets(64)
	tooLarge, count := 0, many(1000, 100_000)
	seen := map[int]int{}
	for n := range count {
		insns := cbpftest.Visible(cbpftest.Program(r, cbpf.Linux, size(r, n)))
		require.NoError(t, cbpf.Check(insns, cbpf.Linux))
		err := s.attach(insns)
		if errors.Is(err, unix.ENOMEM) { // converted, it is larger than net.core.optmem_max
			tooLarge++
			continue
		}
		require.NoError(t, err)
		for range 8 {
			p := packets[r.IntN(len(packets))]
			seen[s.compare(t, "random", insns, p)]++
		}
	}
	t.Logf("%d programs, %d of them too large for a socket; %d different lengths, %d dropped of %d", count, tooLarge, len(seen), seen[-1], 8*count)
	require.Less(t, tooLarge, count/50)
	require.Less(t, seen[-1], 8*count/2, "most end early: the comparison sees little")
}

func TestKernelExpressions(t *testing.T) {
	s := newSockets(t)
	packets := cbpftest.Packets(many(40, 600))
	ran, matched := 0, 0
	for n, expr := range cbpftest.Expressions() {
		for _, optimise := range []bool{true, false} {
			if many(n%16, 0) != 0 {
				continue
			}
			insns, ok := cbpftest.Compile(t, expr, optimise)
			if !ok {
				continue
			}
			err := s.attach(insns)
			require.Equal(t, err == nil, cbpf.Check(insns, cbpf.Linux) == nil, "%s: %v", expr, err)
			if err != nil {
				continue // protochain
			}
			ran++
			for _, p := range packets {
				if s.compare(t, expr, insns, p) >= 0 {
					matched++
				}
			}
		}
	}
	t.Logf("%d filters, %d packets, %d matches", ran, len(packets), matched)
	require.Positive(t, matched)
	require.GreaterOrEqual(t, ran, many(20, 400))
}

func TestKernelCheck(t *testing.T) {
	s := newSockets(t)
	r := rand.New(rand.NewPCG(13, 14))
	rules := map[cbpf.Rule]int{}
	for n := range many(3_000, 20_000) {
		insns := candidate(r, cbpf.Dialect(1+n%2))
		agree(t, insns, cbpf.Linux, s.attach(insns), rules)
	}
	ret := make([]cbpf.Insn, cbpf.MaxInsns+1)
	for n := range ret {
		ret[n].Code = 0x06
	}
	agree(t, ret, cbpf.Linux, s.attach(ret), rules)
	agree(t, ret[1:], cbpf.Linux, s.attach(ret[1:]), rules)
	t.Log(rules)
	for _, rule := range []cbpf.Rule{"", cbpf.RuleLength, cbpf.RuleOpcode, cbpf.RuleDivisor, cbpf.RuleShift, cbpf.RuleCell, cbpf.RuleJump, cbpf.RuleBackward, cbpf.RuleAncillary, cbpf.RuleLast, cbpf.RuleUnwritten} {
		require.Positive(t, rules[rule], rule)
	}
}

// Of each code, the kernel says whether a socket filter may have it.
func TestKernelCodes(t *testing.T) {
	s := newSockets(t)
	for code := range 1 << 16 {
		if code >= 1<<10 && many(code%251, 0) != 0 {
			continue
		}
		insns := withCode(code)
		agree(t, insns, cbpf.Linux, s.attach(insns), map[cbpf.Rule]int{})
	}
}

// The kernel says of a filter for seccomp whether it is valid, and does not install it: the descriptor that the call asks for is not
// to be had. That happens in a process of its own.
func TestSeccompCheck(t *testing.T) {
	alive.Check(t)
	c := exec.Command(os.Args[0], "-test.run=^TestSeccompChild$")
	c.Env = append(os.Environ(), "BPFC_SECCOMP_CHILD=1")
	in, err := c.StdinPipe()
	require.NoError(t, err)
	out, err := c.StdoutPipe()
	require.NoError(t, err)
	c.Stderr = os.Stderr
	require.NoError(t, c.Start())
	defer func() { in.Close(); _ = c.Wait() }()
	ask := func(insns []cbpf.Insn) error {
		_, err := in.Write(append(binary.LittleEndian.AppendUint16(nil, uint16(len(insns))), cbpf.Encode(insns)...))
		require.NoError(t, err)
		var answer [1]byte
		_, err = io.ReadFull(out, answer[:])
		require.NoError(t, err)
		switch e := unix.Errno(answer[0]); e {
		case unix.EMFILE:
			return nil
		case unix.EINVAL:
			return e
		default:
			t.Skipf("seccomp says %v", e)
			return nil
		}
	}
	r := rand.New(rand.NewPCG(15, 16))
	rules := map[cbpf.Rule]int{}
	for n := range many(2_000, 20_000) {
		insns := candidate(r, [...]cbpf.Dialect{cbpf.Seccomp, cbpf.Seccomp, cbpf.Linux}[n%3])
		agree(t, insns, cbpf.Seccomp, ask(insns), rules)
	}
	for code := range 1 << 10 {
		insns := withCode(code)
		agree(t, insns, cbpf.Seccomp, ask(insns), rules)
	}
	for k := range uint32(72) {
		insns := []cbpf.Insn{{Code: 0x20, K: k}, {Code: 0x06}}
		agree(t, insns, cbpf.Seccomp, ask(insns), rules)
	}
	t.Log(rules)
	require.Positive(t, rules[cbpf.RuleData])
	require.Positive(t, rules[""])
}

// rawInput reads standard input with nothing that needs a descriptor.
type rawInput struct{}

func (rawInput) Read(b []byte) (int, error) {
	n, err := unix.Read(0, b)
	if n == 0 && err == nil {
		err = io.EOF
	}
	return max(n, 0), err
}

// TestSeccompChild is the other process of TestSeccompCheck.
func TestSeccompChild(t *testing.T) {
	if os.Getenv("BPFC_SECCOMP_CHILD") == "" {
		t.Skip("a part of TestSeccompCheck")
	}
	runtime.LockOSThread()
	in := bufio.NewReader(rawInput{})
	die := func(err error) {
		println(err.Error())
		os.Exit(1)
	}
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: 0, Max: 0}); err != nil {
		die(err)
	}
	for {
		var n [2]byte
		if _, err := io.ReadFull(in, n[:]); errors.Is(err, io.EOF) {
			os.Exit(0)
		} else if err != nil {
			die(err)
		}
		b := make([]byte, 8*int(binary.LittleEndian.Uint16(n[:])))
		if _, err := io.ReadFull(in, b); err != nil {
			die(err)
		}
		insns, _ := cbpf.Decode(b)
		alive.Pace()
		list := kernelForm(insns)
		prog := unix.SockFprog{Len: uint16(len(list)), Filter: unsafe.SliceData(list)}
		_, _, e := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_NEW_LISTENER, uintptr(unsafe.Pointer(&prog)))
		runtime.KeepAlive(list)
		if _, err := unix.Write(1, []byte{byte(e)}); err != nil {
			die(err)
		}
	}
}

// seccompForm makes a filter one whose result can be seen, and that cannot kill: every system call that exists is allowed,
// others fail with an error number made from the result. Divisions by X are taken out, and so is the address of the call.
func seccompForm(insns []cbpf.Insn) []cbpf.Insn {
	out := []cbpf.Insn{{Code: 0x20}, {Code: 0x35, Jt: 1, K: 0x10000}, {Code: 0x06, K: allow}, {Code: 0x00}}
	for _, i := range cbpftest.Visible(insns) {
		switch {
		case i.Code == 0x3c:
			i.Code = 0x4c
		case i.Code == 0x20 && (i.K == 8 || i.K == 12):
			i.K += 8
		case i.Code == 0x06:
			i.K = fails | i.K&0xfff
		}
		out = append(out, i)
	}
	end := len(out) - 8 // Visible's: A is spread over 12 bits instead
	return append(out[:end], cbpf.Insn{Code: 0x24, K: 0x9e3779b1}, cbpf.Insn{Code: 0x74, K: 20}, cbpf.Insn{Code: 0x44, K: fails}, cbpf.Insn{Code: 0x16})
}

const (
	allow = 0x7fff0000 // SECCOMP_RET_ALLOW
	fails = 0x00050000 // SECCOMP_RET_ERRNO
	arch  = 0xc000003e // AUDIT_ARCH_X86_64
)

// Random filters for seccomp are installed, each on a thread that ends afterwards, and system calls that do not exist made.
func TestSeccompRandom(t *testing.T) {
	if runtime.GOARCH != "amd64" {
		t.Skip("the numbers are those of x86-64")
	}
	alive.Check(t)
	r := rand.New(rand.NewPCG(17, 18))
	records := cbpftest.SeccompData(200)
	for n := range many(200, 5000) {
		insns := seccompForm(cbpftest.Program(r, cbpf.Seccomp, 1+r.IntN(80)))
		require.NoError(t, cbpf.Check(insns, cbpf.Seccomp))
		var want, got [16]uint32
		var calls [16][7]uint64
		for c := range calls {
			record := append([]byte(nil), records[r.IntN(len(records))]...)
			binary.LittleEndian.PutUint32(record, 0x10000+r.Uint32N(1<<20))
			binary.LittleEndian.PutUint32(record[4:], arch)
			calls[c][0] = uint64(binary.LittleEndian.Uint32(record))
			for a := range 6 {
				calls[c][1+a] = binary.LittleEndian.Uint64(record[16+8*a:])
			}
			p := cbpftest.Whole(record)
			want[c], _ = cbpftest.Run(insns, cbpf.Seccomp, &p, len(insns))
		}
		if err := onThread(insns, &calls, &got); err != nil {
			t.Skipf("no seccomp: %v", err)
		}
		if want != got {
			t.Fatalf("program %d: %x, by the reference %x\n%s", n, got, want, cbpf.Print(insns))
		}
	}
}

// onThread makes system calls under a filter and returns their error numbers with the action that makes them.
func onThread(insns []cbpf.Insn, calls *[16][7]uint64, got *[16]uint32) error {
	alive.Pace()
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // for good: the thread ends with the goroutine
		list := kernelForm(insns)
		prog := unix.SockFprog{Len: uint16(len(list)), Filter: unsafe.SliceData(list)}
		_, _, e := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, 0, uintptr(unsafe.Pointer(&prog)))
		runtime.KeepAlive(list)
		if e != 0 {
			done <- e
			return
		}
		for n, c := range calls {
			r, _, e := unix.RawSyscall6(uintptr(c[0]), uintptr(c[1]), uintptr(c[2]), uintptr(c[3]), uintptr(c[4]), uintptr(c[5]), uintptr(c[6]))
			got[n] = fails | uint32(e)
			if e == 0 {
				got[n] = fails | -uint32(r)&0xfff // the largest number is none for Go
			}
		}
		done <- nil
	}()
	return <-done
}

// Where no device is, loads of its index and type end the program: with A as it is, not with 0.
func TestKernelNoDevice(t *testing.T) {
	s := newSockets(t)
	for _, name := range strings.Fields("ifidx hatype") {
		f, err := cbpf.Parse(name, []byte("ld #5 ld #"+name+" ret #9"), cbpf.Asm)
		require.NoError(t, err)
		require.NoError(t, s.attach(f.Insns))
		require.Equal(t, 5, s.deliver(t, make([]byte, 20)))
		require.Equal(t, 5, arrives(t, f.Insns, make([]byte, 20)))
	}
}
