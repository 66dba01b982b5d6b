package networking

import "github.com/bpfc/bpfc/core/codegen"

// Levels of socket options.
const (
	levelIP     = 0
	levelSocket = 1
	levelTCP    = 6
	levelIPv6   = 41
)

// optionLen says how long an option is: exactly so many bytes, or at least so many if it may be longer.
type optionLen struct {
	n      int
	longer bool
	// never: it can be set but not read, or read but not set.
	noGet, noSet bool
}

var number = optionLen{n: 4}

// optionTable are the socket options that programs may use, by level and name
// (sol_socket_sockopt, sol_tcp_sockopt, sol_ip_sockopt and sol_ipv6_sockopt, net/core/filter.c, Linux 6.18).
var optionTable = map[[2]uint32]optionLen{
	{levelSocket, 2}: number, {levelSocket, 7}: number, {levelSocket, 8}: number, {levelSocket, 9}: number, {levelSocket, 12}: number,
	{levelSocket, 15}: number, {levelSocket, 18}: number, {levelSocket, 36}: number, {levelSocket, 47}: number, {levelSocket, 62}: number,
	{levelSocket, 74}: number, {levelSocket, 1009}: number, {levelSocket, 25}: {n: 1, longer: true, noGet: true},

	{levelIP, 1}: number, {levelIPv6, 67}: number, {levelIPv6, 70}: number,

	{levelTCP, 1}: number, {levelTCP, 2}: number, {levelTCP, 4}: number, {levelTCP, 5}: number, {levelTCP, 6}: number, {levelTCP, 7}: number,
	{levelTCP, 10}: number, {levelTCP, 16}: number, {levelTCP, 18}: number, {levelTCP, 25}: number, {levelTCP, 27}: number, {levelTCP, 44}: number,
	{levelTCP, 1001}: {n: 4, noGet: true}, {levelTCP, 1002}: {n: 4, noGet: true}, {levelTCP, 1003}: number, {levelTCP, 1004}: number,
	{levelTCP, 1008}: number,
	{levelTCP, 13}:   {n: 2, longer: true}, {levelTCP, 28}: {n: 1, longer: true, noSet: true},
}

// optionGo read and set options of sockets: what a program sets is kept for the
// session and recorded, and a program reads what was set, or zeros.
func (n *network) optionGo() map[string]codegen.GoHelper {
	return map[string]codegen.GoHelper{
		"bpf_getsockopt":            n.getOption,
		"bpf_setsockopt":            n.setOption,
		"bpf_bind":                  bind,
		"bpf_sock_ops_cb_flags_set": setCallbacks,
	}
}

// option checks the use of an option of a socket, and gives its key.
func (s *socket) option(level, name uint64, size int, get bool) ([2]uint32, codegen.Errno) {
	key := [2]uint32{uint32(level), uint32(name)}
	o, ok := optionTable[key]
	family := map[uint32]uint32{levelIP: afInet, levelIPv6: afInet6}[key[0]]
	if key[0] != levelIP && key[0] != levelIPv6 {
		family = s.family()
	}
	switch {
	case !ok, !s.full(), size < o.n, size != o.n && !o.longer, get && o.noGet, !get && o.noSet, family != s.family(),
		key[0] == levelTCP && s.proto() != ipTCP:
		return key, codegen.EINVAL
	}
	return key, codegen.OK
}

// setOption is bpf_setsockopt.
func (n *network) setOption(c codegen.Call, r1, level, name, value, size uint64) uint64 {
	s, v := n.of(c, r1), c.Bytes(value, uint64(uint32(size)), false)
	key, e := s.option(level, name, len(v), false)
	if e != codegen.OK {
		return e.Ret()
	}
	v = append([]byte(nil), v...)
	s.lock.Lock()
	s.options[key] = v
	s.lock.Unlock()
	c.Record(codegen.Record{Helper: "bpf_setsockopt", Data: v, Args: []uint64{uint64(key[0]), uint64(key[1]), s.Cookie}, CPU: c.CPU()})
	return 0
}

// getOption is bpf_getsockopt.
func (n *network) getOption(c codegen.Call, r1, level, name, value, size uint64) uint64 {
	s, out := n.of(c, r1), c.Bytes(value, uint64(uint32(size)), true)
	key, e := s.option(level, name, len(out), true)
	if e != codegen.OK {
		return failed(out, e)
	}
	s.lock.Lock()
	fill(out, s.options[key])
	s.lock.Unlock()
	return 0
}

// Sizes of addresses that bpf_bind takes.
const (
	bindFamily = 2
	bindInet   = 16 // struct sockaddr_in
	bindInet6  = 24 // SIN6_LEN_RFC2133
)

// bind is bpf_bind, recorded.
func bind(c codegen.Call, _, addr, size, _, _ uint64) uint64 {
	a := c.Bytes(addr, uint64(uint32(size)), false)
	if len(a) < bindFamily {
		return codegen.EINVAL.Ret()
	}
	least, ok := map[uint16]int{afInet: bindInet, afInet6: bindInet6}[little.Uint16(a)]
	switch {
	case !ok:
		return codegen.EAFNOSUPPORT.Ret()
	case len(a) < least:
		return codegen.EINVAL.Ret()
	}
	c.Record(codegen.Record{Helper: "bpf_bind", Data: append([]byte(nil), a...), CPU: c.CPU()})
	return 0
}

// Offsets of struct bpf_sock_ops, and the flags and the last operation with a locked TCP socket.
const (
	opsOp, opsFull, opsFlags = 0, 72, 84

	opsAllFlags   = 0x7f
	opsLastLocked = 15 // BPF_SOCK_OPS_WRITE_HDR_OPT_CB
)

// setCallbacks is bpf_sock_ops_cb_flags_set: it gives back the flags that are none.
func setCallbacks(c codegen.Call, _, flags, _, _, _ uint64) uint64 {
	ctx := c.Context()
	switch {
	case word(ctx, opsOp) > opsLastLocked:
		return codegen.EOPNOTSUPP.Ret()
	case word(ctx, opsFull) == 0:
		return codegen.EINVAL.Ret()
	}
	setWord(ctx, opsFlags, uint32(flags)&opsAllFlags)
	return signedResult(int32(flags) &^ opsAllFlags)
}
