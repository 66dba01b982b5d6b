package codegen

// The interface between C and an ahead-of-time object (Options.Object).
//
//	uint64_t NAME(void *mem, uint64_t len);
//	int NAME_checked(void *mem, uint64_t len, uint64_t *ret, struct bpfc_fault *f);
//
// NAME_checked returns 0 and stores the program's result in *ret (unless ret is
// null), or returns -1 and fills *f (unless f is null). NAME returns the result;
// on a fault it calls FaultHook, if one is linked, with a filled structure and
// returns FaultResult.
//
//	struct bpfc_fault
//	  0  rule     uint32  ir.Rule: 1 memory, 2 call, 3 fuel, 4 alignment
//	  4  insn     uint32  BPF slot; UINT32_MAX if the code comes from no instruction of the program
//	  8  address  uint64  of the access, or the called value
//	 16  size     uint32  bytes of the access, 0 if it was none
//	 20  write    uint32  1 for a write
//	 24  program  char *  name of the program, in read-only data
const (
	CFaultRule    = 0
	CFaultInsn    = 4
	CFaultAddress = 8
	CFaultLen     = 16
	CFaultWrite   = 20
	CFaultProgram = 24
	CFaultSize    = 32

	// FaultHook is the weak symbol `void bpfc_fault(const struct bpfc_fault *)`.
	FaultHook = "bpfc_fault"
	// FaultResult is what NAME returns on a fault.
	FaultResult = ^uint64(0)
	// CheckedSuffix makes the name of the checked entry.
	CheckedSuffix = "_checked"
)
