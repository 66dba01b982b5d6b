package codegen

import "fmt"

// Errno is an error of the kernel, by its number on Linux (include/uapi/asm-generic/errno-base.h, errno.h); 0 is none.
type Errno int32

// The errors that maps and helpers give.
const (
	OK              Errno = 0
	EPERM           Errno = 1
	ENOENT          Errno = 2
	E2BIG           Errno = 7
	EBADF           Errno = 9
	EAGAIN          Errno = 11
	ENOMEM          Errno = 12
	EACCES          Errno = 13
	EFAULT          Errno = 14
	EBUSY           Errno = 16
	EEXIST          Errno = 17
	ENODEV          Errno = 19
	EINVAL          Errno = 22
	ENOSPC          Errno = 28
	ERANGE          Errno = 34
	EDEADLK         Errno = 35
	ENOTSUPP        Errno = 524
	EPROTO          Errno = 71
	EBADMSG         Errno = 74
	EBADFD          Errno = 77
	EMSGSIZE        Errno = 90
	EPROTOTYPE      Errno = 91
	ENOPROTOOPT     Errno = 92
	ESOCKTNOSUPPORT Errno = 94
	EOPNOTSUPP      Errno = 95
	EAFNOSUPPORT    Errno = 97
	EALREADY        Errno = 114
)

var errnoNames = map[Errno]string{
	EPERM: "EPERM", ENOENT: "ENOENT", E2BIG: "E2BIG", EBADF: "EBADF", EAGAIN: "EAGAIN", ENOMEM: "ENOMEM", EACCES: "EACCES", EFAULT: "EFAULT",
	EBUSY: "EBUSY", EEXIST: "EEXIST", ENODEV: "ENODEV", EINVAL: "EINVAL", ENOSPC: "ENOSPC", ERANGE: "ERANGE", EDEADLK: "EDEADLK",
	ENOTSUPP: "ENOTSUPP", EPROTO: "EPROTO", EMSGSIZE: "EMSGSIZE", EOPNOTSUPP: "EOPNOTSUPP", EAFNOSUPPORT: "EAFNOSUPPORT",
	EBADMSG: "EBADMSG", EBADFD: "EBADFD", EPROTOTYPE: "EPROTOTYPE", ENOPROTOOPT: "ENOPROTOOPT", ESOCKTNOSUPPORT: "ESOCKTNOSUPPORT",
	EALREADY: "EALREADY",
}

// String is the error's name, "" for OK.
func (e Errno) String() string {
	if n, ok := errnoNames[e]; ok || e == OK {
		return n
	}
	return fmt.Sprintf("errno %d", int32(e))
}

// Ret is what a helper that fails with the error returns: its number, negative, in 64 bits.
func (e Errno) Ret() uint64 { return uint64(-int64(e)) }
