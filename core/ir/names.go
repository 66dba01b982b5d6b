package ir

import "fmt"

// String is the register's name in the text form: r0 to r10, t0 to t2, v32 and up.
func (r Reg) String() string {
	switch {
	case r >= R0 && r <= R10:
		return fmt.Sprintf("r%d", r-R0)
	case r >= T0 && r <= T2:
		return fmt.Sprintf("t%d", r-T0)
	case r >= FirstVirtual:
		return fmt.Sprintf("v%d", r)
	case r == None:
		return "none"
	}
	return fmt.Sprintf("reg(%d)", int32(r))
}

// refNames are the kinds of references in the text form, and in messages.
var refNames = [...]string{RefNone: "none", RefMap: "map", RefMapValue: "value", RefData: "data", RefFunc: "func", RefHelper: "helper"}

// String is the kind's name in the text form.
func (k RefKind) String() string { return nameOf(refNames[:], k) }

// String is the reference in the text form: "data@1".
func (r Ref) String() string { return fmt.Sprintf("%s@%d", r.Kind, r.Index) }

// orderNames are the memory orders in the text form.
var orderNames = [...]string{Plain: "plain", Relaxed: "relaxed", Acquire: "acquire", Release: "release", SeqCst: "seqcst"}

// String is the order's name in the text form.
func (o Order) String() string { return nameOf(orderNames[:], o) }

// nameOf is names[v], or the number if v has no name.
func nameOf[T ~uint8 | ~uint16](names []string, v T) string {
	if int(v) < len(names) {
		return names[v]
	}
	return fmt.Sprintf("#%d", v)
}
