package verifier

// Codes of the verifier's own rules. Those that ir.Lift enforces are
// ir.CodeEmpty (BV001) to ir.CodeHelperBody (BV011).
const (
	CodeFramePointer Code = "BV012"
	CodeRecursion    Code = "BV013"
	CodeCallDepth    Code = "BV014"
	CodeStackLimit   Code = "BV015"
	CodeNoPacket     Code = "BV016"
	CodeMapKind      Code = "BV020"
	CodeType         Code = "BV021"
	CodeDataRange    Code = "BV024"
	CodeIndirect     Code = "BV025"
	CodeUnset        Code = "BV026"
	CodeAccess       Code = "BV027"
	CodeBounds       Code = "BV028"
	CodePacket       Code = "BV029"
	CodeNull         Code = "BV030"
	CodeContextField Code = "BV031"
	CodePointerMath  Code = "BV032"
	CodeStackBounds  Code = "BV033"
	CodeArgument     Code = "BV034"
	CodeSize         Code = "BV035"
	CodeReturn       Code = "BV036"
	CodeRefLeak      Code = "BV037"
	CodeRelease      Code = "BV038"
	CodeLock         Code = "BV039"
	CodeEndless      Code = "BV040"
	CodeTooComplex   Code = "BV041"
	CodeReadOnly     Code = "BV042"
	CodeStackReturn  Code = "BV043"
	CodeAlign        Code = "BV044"
	CodeLicence      Code = "BV045"
	CodeSpecial      Code = "BV046"
	CodeMapHelper    Code = "BV047"
	CodeDynptr       Code = "BV048"
	CodeUndecided    Code = "BV049"
	CodeLeak         Code = "BV050"
	CodeStale        Code = "BV051"
	CodeSleep        Code = "BV052"
	CodeUnbounded    Code = "BV053"
	CodeStackUnset   Code = "BV054"
	CodeCallTarget   Code = "BV055"
	CodeStopped      Code = "BV056"
	CodeImmediate    Code = "BV057"
)

// Rule describes a code for `bpfc explain`. Examples need helper sets, which the verifier does not know: they are the command's.
type Rule struct {
	Code Code
	// Name is a short name of the rule, Text what it demands and why, Fix what to do.
	Name, Text, Fix string
	// Unsupported rules do not say that the program is unsafe.
	Unsupported bool
}

// Retired are the codes of earlier versions that nothing emits any more; their numbers are not given again.
func Retired() []Code { return []Code{"BV017", "BV018", "BV019", "BV022", "BV023"} }

// Rules lists every code in ascending order.
func Rules() []Rule {
	return []Rule{
		{"BV001", "empty program", "A program has at least one instruction.", "Give it a body; the shortest is `r0 = 0; exit`.", false},
		{"BV002", "jump out of the function", "A jump stays inside its function and leads to the first slot of an instruction.", "Jump to a label of the same function, or call the other one.", false},
		{"BV003", "fall-through", "Execution must not run past the end of a function into what follows.", "End the function with exit or with a jump.", false},
		{"BV004", "unreachable instruction", "Linux refuses instructions that no path reaches (check_cfg in kernel/bpf/verifier.c, 6.18), and so does bpfc: they are mistakes more often than not.", "Remove the instructions, or the jump around them.", false},
		{"BV005", "call into a function", "A call leads to the first instruction of a function.", "Call the function's label.", false},
		{"BV006", "illegal encoding", "Bytes that are no instruction of RFC 9669 or of the extensions that bpfc knows.", "Compile the object again, for a CPU level that bpfc knows (-mcpu=v4 or lower).", false},
		{"BV007", "unsupported instruction", "The instruction is legal, but this version cannot run it: gotox, addr_space_cast, calls of kernel functions, addresses of kernel variables.", "Compile without the extension.", true},
		{"BV008", "unknown helper", "A call names a helper by number; a helper set must declare the number, and the program's type must be allowed to call it.", "Name the set with --helpers, or correct the number.", false},
		{"BV009", "undefined extern", "The program calls or refers to a symbol that neither the object nor a helper set defines.", "Link the missing function into the object, or name the set with --helpers.", true},
		{"BV010", "map without a map", "An instruction refers to a map by file descriptor or index, but the input has no such map.", "Use an object file: there maps have names.", false},
		{"BV011", "bad helper body", "A helper set ships the helper as bytecode, and the bytecode is not a legal function.", "Tell the author of the set; `bpfc plugin info` names it.", false},
		{"BV012", "write to the frame pointer", "R10 is read-only (RFC 9669 section 2.2).", "Copy R10 to another register and change the copy.", false},
		{"BV013", "recursion", "A function must not call itself, directly or through others: the stack is bounded.", "Write the recursion as a loop.", false},
		{"BV014", "call depth", "At most 8 frames may be active (MAX_CALL_FRAMES, Linux 6.18).", "Mark functions __always_inline, or call fewer levels deep.", false},
		{"BV015", "stack limit", "A program and the functions it calls use at most 512 bytes of stack together, and less than 256 above one that makes a tail call (MAX_BPF_STACK, check_max_stack_depth, Linux 6.18).", "Move large variables to a map or to static data.", false},
		{"BV016", "no packet", "LD_ABS and LD_IND read the packet of a socket filter; this program type has none.", "Read memory with an ordinary load.", false},
		{"BV020", "address of a map value", "Only the values of array maps have addresses that are known when a program is loaded; other maps are looked up.", "Call the look-up helper with the map and a key, or use an array map or a global variable.", true},
		{"BV021", "program type", "The section's name, or --type, names a program type that no helper set declares.", "Give --type, or the set that declares the type with --helpers.", true},
		{"BV024", "data reference", "A reference to a data section leads outside it.", "Compile the object again; if the compiler made the reference, report it.", false},
		{"BV025", "calls through registers", "A call through a register is compared with every function whose address the program takes; a program with very many of both becomes too large.", "Call fewer functions through pointers.", true},
		{"BV026", "register without a value", "A register is read before anything was written to it on the path. After a call R1 to R5 have no value.", "Set the register first; keep values across calls in R6 to R9 or on the stack.", false},
		{"BV027", "not memory", "Memory is accessed through a value that is no pointer to accessible memory.", "Follow the value back to where it should have become a pointer.", false},
		{"BV028", "out of bounds", "An access may leave the map value, data section or other memory that the pointer leads to.", "Compare the index with the size before the access, or mask it.", false},
		{"BV029", "packet bound", "Packet bytes, or bytes of a memory program beyond those that are promised, may be touched only after a comparison has shown that they are there.", "Write `if (p + n > end) return …;` before the access, with the same p.", false},
		{"BV030", "null pointer", "A pointer that may be null is used before it was compared with 0.", "Write `if (!p) return …;` after the call that returned it.", false},
		{"BV031", "context field", "An access to the context, or to a structure that it leads to, matches no field that the program's type may use in that way.", "Use the field's own size and offset; `bpfc plugin header` prints them.", false},
		{"BV032", "pointer arithmetic", "Addresses can be moved by adding and subtracting 64-bit numbers, and subtracted from one another; nothing else.", "Compute with numbers, and add the result to the pointer.", false},
		{"BV033", "stack bounds", "An access to the stack is outside the 512 bytes below R10.", "Make the array larger, or compare the index with its size.", false},
		{"BV034", "argument", "An argument of a call is not of the kind that the prototype demands.", "`bpfc plugin info` and docs/HELPERS.md show the prototypes.", false},
		{"BV035", "size argument", "A size that is passed to a helper may be negative, 0 where that is not allowed, or without a bound.", "Compare the size with that of the memory, or mask it.", false},
		{"BV036", "return value", "R0 at exit must be in the range that the program's type allows.", "Return one of the named values.", false},
		{"BV037", "reference leak", "A reference that a helper returned is not released on some path.", "Release it on every path, also on those that return early.", false},
		{"BV038", "release", "Something is released that was not acquired, or was moved or released before.", "Release the pointer that the acquiring helper returned, once.", false},
		{"BV039", "lock", "A lock is taken twice, not released, or held during something that must not happen under it.", "Keep the locked section short: no calls, one lock, released on every path.", false},
		{"BV040", "endless loop", "Nothing shows that the loop ends: no number goes one way towards a bound in every turn.", "Bound the loop by a counter; or use may_goto, a helper that loops, or an iterator.", false},
		{"BV041", "too complex", "The analysis looked at as many instructions as it may; the message names the loops and branches that took most.", "Bound loops by constants, or split the program.", false},
		{"BV042", "read-only memory", "A store to memory that the program may only read.", "Copy the data and change the copy.", false},
		{"BV043", "address of a frame that ends", "A function returns an address of its own frame, or stores it in its caller's.", "Let the caller provide the memory.", false},
		{"BV044", "alignment", "Stack accesses and atomic operations need addresses that are multiples of their size.", "Align the variable.", false},
		{"BV045", "licence", "The helper is only for programs whose licence is compatible with the GPL.", "Declare such a licence (`char LICENSE[] SEC(\"license\") = \"GPL\";`), or use another helper.", false},
		{"BV046", "special field", "Locks, timers and pointers of the kernel in map values are for helpers only.", "Use the helpers, and access the other fields one by one.", false},
		{"BV047", "map and helper", "The helper does not work on maps of this type.", "Use another type of map.", false},
		{"BV048", "dynptr or iterator", "A dynptr or iterator on the stack is used out of order, or its bytes are accessed directly.", "Initialise it once, use it through helpers, and release it on every path.", false},
		{"BV049", "cannot decide", "The program uses something of the kernel that this version does not model; see docs/UNSUPPORTED.md.", "Do without it here.", true},
		{"BV050", "leak", "Under no-leaks addresses must not leave the program, in results, maps, arguments or comparisons.", "Store numbers, not addresses.", false},
		{"BV051", "stale packet pointer", "A packet pointer is used after a call that may have moved the packet.", "Load the start and the end of the packet from the context again, and compare again.", false},
		{"BV052", "sleeping helper", "The helper may sleep; programs of this type must not.", "Use a sleepable section (`.s`), or another helper.", false},
		{"BV053", "unbounded index", "An index has no bound that would keep the access inside.", "Compare the index with the number of elements, or mask it.", false},
		{"BV054", "unwritten stack", "Under no-leaks, stack bytes are read where nothing was written.", "Initialise the variable.", false},
		{"BV055", "call through a register", "The register is not known to hold a function of the program.", "Call the function directly.", false},
		{"BV056", "stopped", "The caller ended the analysis before it was finished: by a signal or a limit of time.", "Allow more time (--timeout), or bound the program's loops by constants so that it is decided sooner.", true},
		{"BV057", "immediate", "A division by the constant 0, or a shift by a constant that is no bit of the register.", "Correct the constant.", false},
	}
}

// RuleOf returns the rule with the code.
func RuleOf(c Code) (Rule, bool) {
	for _, r := range Rules() {
		if r.Code == c {
			return r, true
		}
	}
	return Rule{}, false
}
