package fastcall

// pattern is a program with the spills and fills that go: the lines that begin with "-".
type pattern struct {
	name, why string
	code      string
	frame     int32 // of the first function, afterwards
}

// patterns are for what the pass has to tell apart. Programs are of type mem/64; cpu is marked and expanded, plaincpu
// only expanded, gofast only marked, rand neither; cpu2 is cpu with two arguments; fill and read take (memory, length).
var patterns = []pattern{
	// What compilers emit.
	{"simple", "one register around one call; no frame is left", `
		r1 = 1
		- *(u64 *)(r10 - 8) = r1
		call cpu
		- r1 = *(u64 *)(r10 - 8)
		r0 = r1
		exit`, 0},
	{"all five", "a call without arguments keeps R1 to R5", `
		r1 = 1
		r2 = 2
		r3 = 3
		r4 = 4
		r5 = 5
		- *(u64 *)(r10 - 8) = r1
		- *(u64 *)(r10 - 16) = r2
		- *(u64 *)(r10 - 24) = r3
		- *(u64 *)(r10 - 32) = r4
		- *(u64 *)(r10 - 40) = r5
		call cpu
		- r5 = *(u64 *)(r10 - 40)
		- r4 = *(u64 *)(r10 - 32)
		- r3 = *(u64 *)(r10 - 24)
		- r2 = *(u64 *)(r10 - 16)
		- r1 = *(u64 *)(r10 - 8)
		r0 = r1
		r0 += r2
		r0 += r3
		r0 += r4
		r0 += r5
		exit`, 0},
	{"two calls", "each call has its pair, in one slot", `
		r1 = 1
		- *(u64 *)(r10 - 8) = r1
		call cpu
		- r1 = *(u64 *)(r10 - 8)
		r1 += r0
		- *(u64 *)(r10 - 8) = r1
		call cpu
		- r1 = *(u64 *)(r10 - 8)
		r0 = r1
		exit`, 0},
	{"one slot, two registers", "the pairs of two calls may be of different registers", `
		r1 = 1
		- *(u64 *)(r10 - 8) = r1
		call cpu
		- r1 = *(u64 *)(r10 - 8)
		r2 = r1
		- *(u64 *)(r10 - 8) = r2
		call cpu
		- r2 = *(u64 *)(r10 - 8)
		r0 = r2
		exit`, 0},
	{"offsets differ", "two calls whose pairs lie at different offsets", `
		r1 = 1
		- *(u64 *)(r10 - 8) = r1
		call cpu
		- r1 = *(u64 *)(r10 - 8)
		- *(u64 *)(r10 - 16) = r1
		call cpu
		- r1 = *(u64 *)(r10 - 16)
		r0 = r1
		exit`, 0},
	{"in a loop", "a pair in every turn", `
		r6 = 0
		r1 = 7
		L: - *(u64 *)(r10 - 8) = r1
		call cpu
		- r1 = *(u64 *)(r10 - 8)
		r1 += 1
		r6 += 1
		if r6 < 10 goto L
		r0 = r1
		exit`, 0},
	{"beside other data", "slots above the pair are used: the frame shrinks down to them", `
		r1 = 1
		*(u64 *)(r10 - 8) = 5
		- *(u64 *)(r10 - 16) = r1
		call cpu
		- r1 = *(u64 *)(r10 - 16)
		r0 = *(u64 *)(r10 - 8)
		r0 += r1
		exit`, 8},
	{"below other data", "the frame keeps what lies below the pair", `
		r1 = 1
		*(u64 *)(r10 - 16) = 5
		- *(u64 *)(r10 - 8) = r1
		call cpu
		- r1 = *(u64 *)(r10 - 8)
		r0 = *(u64 *)(r10 - 16)
		r0 += r1
		exit`, 16},
	{"zero slots beside it", "a slot of zeros is written by an immediate, and read", `
		r1 = 1
		*(u64 *)(r10 - 8) = 0
		- *(u64 *)(r10 - 16) = r1
		call cpu
		- r1 = *(u64 *)(r10 - 16)
		r0 = *(u64 *)(r10 - 8)
		exit`, 8},
	{"unwritten bytes beside it", "the frame is zeroed for a read of what was not written, and no more than that", `
		r1 = 1
		- *(u64 *)(r10 - 16) = r1
		call cpu
		- r1 = *(u64 *)(r10 - 16)
		r0 = *(u32 *)(r10 - 8)
		r0 += r1
		exit`, 8},
	{"fills in the order of the spills", "the order of a compiler's pairs does not matter", `
		r1 = 1
		r2 = 2
		- *(u64 *)(r10 - 8) = r1
		- *(u64 *)(r10 - 16) = r2
		call cpu
		- r1 = *(u64 *)(r10 - 8)
		- r2 = *(u64 *)(r10 - 16)
		r0 = r1
		r0 += r2
		exit`, 0},
	{"not at the call", "other instructions lie between spill, call and fill", `
		r1 = 1
		- *(u64 *)(r10 - 8) = r1
		r2 = 2
		call cpu
		r3 = r0
		- r1 = *(u64 *)(r10 - 8)
		r0 = r1
		r0 += r3
		exit`, 0},
	{"two calls in one pair", "both leave the register alone", `
		r1 = 1
		- *(u64 *)(r10 - 8) = r1
		call cpu
		r6 = r0
		call cpu
		- r1 = *(u64 *)(r10 - 8)
		r0 = r1
		exit`, 0},
	{"no call at all", "nothing writes the register on the way", `
		r1 = 1
		- *(u64 *)(r10 - 8) = r1
		r2 = 3
		- r1 = *(u64 *)(r10 - 8)
		r0 = r1
		r0 += r2
		exit`, 0},
	{"callee-saved register", "a call leaves R6 alone as it does R1", `
		r6 = 1
		- *(u64 *)(r10 - 8) = r6
		call cpu
		- r6 = *(u64 *)(r10 - 8)
		r0 = r6
		exit`, 0},
	{"the context", "an address is spilled as a number is", `
		- *(u64 *)(r10 - 8) = r1
		call cpu
		- r1 = *(u64 *)(r10 - 8)
		r0 = *(u8 *)(r1 + 3)
		exit`, 0},
	{"an address of the stack", "it is followed through the slot, and what it leads to is kept", `
		*(u64 *)(r10 - 16) = 9
		r1 = r10
		r1 += -16
		- *(u64 *)(r10 - 8) = r1
		call cpu
		- r1 = *(u64 *)(r10 - 8)
		r0 = *(u64 *)(r1 + 0)
		exit`, 16},
	{"a call with arguments", "R1 and R2 are its own, R3 is not", `
		r1 = 1
		r2 = 2
		r3 = 3
		- *(u64 *)(r10 - 8) = r3
		call cpu2
		- r3 = *(u64 *)(r10 - 8)
		r0 = r3
		exit`, 0},
	{"deepest slot", "the last slot of the largest frame", `
		r1 = 1
		- *(u64 *)(r10 - 512) = r1
		call cpu
		- r1 = *(u64 *)(r10 - 512)
		r0 = r1
		exit`, 0},

	// What is no pair.
	{"spill alone", "nothing reads it", `
		r1 = 1
		*(u64 *)(r10 - 8) = r1
		call cpu
		r0 = 0
		exit`, 8},
	{"fill alone", "what it reads was not spilled", `
		call cpu
		r1 = *(u64 *)(r10 - 8)
		r0 = r1
		exit`, 8},
	{"partial pattern", "of two spills one is filled", `
		r1 = 1
		r2 = 2
		*(u64 *)(r10 - 8) = r1
		- *(u64 *)(r10 - 16) = r2
		call cpu
		- r2 = *(u64 *)(r10 - 16)
		r0 = r2
		exit`, 8},
	{"wrong register", "the fill is of another one: it is a move", `
		r1 = 1
		*(u64 *)(r10 - 8) = r1
		call cpu
		r2 = *(u64 *)(r10 - 8)
		r0 = r2
		exit`, 8},
	{"crossed registers", "two registers are exchanged by way of their slots", `
		r1 = 1
		r2 = 2
		*(u64 *)(r10 - 8) = r1
		*(u64 *)(r10 - 16) = r2
		call cpu
		r2 = *(u64 *)(r10 - 8)
		r1 = *(u64 *)(r10 - 16)
		r0 = r1
		r0 -= r2
		exit`, 16},
	{"result register", "R0 is what the call writes", `
		r0 = 42
		*(u64 *)(r10 - 8) = r0
		call cpu
		r0 = *(u64 *)(r10 - 8)
		exit`, 8},
	{"wrong base of the spill", "it goes by another register than R10", `
		r1 = 1
		r6 = r10
		*(u64 *)(r6 - 8) = r1
		call cpu
		r1 = *(u64 *)(r10 - 8)
		r0 = r1
		exit`, 8},
	{"wrong base of the fill", "it goes by another register than R10", `
		r1 = 1
		r6 = r10
		*(u64 *)(r10 - 8) = r1
		call cpu
		r1 = *(u64 *)(r6 - 8)
		r0 = r1
		exit`, 8},
	{"wrong instruction", "an immediate is no register", `
		r1 = 1
		*(u64 *)(r10 - 8) = 1
		call cpu
		r1 = *(u64 *)(r10 - 8)
		r0 = r1
		exit`, 8},
	{"atomic instead of a spill", "an exchange writes the slot, too", `
		r1 = 1
		*(u64 *)(r10 - 8) = 3
		r1 = xchg_64(r10 - 8, r1)
		call cpu
		r1 = *(u64 *)(r10 - 8)
		r0 = r1
		exit`, 8},
	{"wrong offset of the spill", "it is of another slot", `
		r1 = 1
		*(u64 *)(r10 - 8) = 2
		*(u64 *)(r10 - 16) = r1
		call cpu
		r1 = *(u64 *)(r10 - 8)
		r0 = r1
		exit`, 16},
	{"wrong offset of the fill", "it is of another slot", `
		r1 = 1
		*(u64 *)(r10 - 8) = r1
		*(u64 *)(r10 - 16) = 2
		call cpu
		r1 = *(u64 *)(r10 - 16)
		r0 = r1
		exit`, 16},
	{"wrong size of both", "4 bytes are not the register", `
		r1 = 1
		*(u32 *)(r10 - 8) = r1
		call cpu
		r1 = *(u32 *)(r10 - 8)
		r0 = r1
		exit`, 8},
	{"wrong size of the fill", "it cuts the register off", `
		r1 = -1
		*(u64 *)(r10 - 8) = r1
		call cpu
		r1 = *(u32 *)(r10 - 8)
		r0 = r1
		exit`, 8},
	{"wrong size of the spill", "half of the slot is something else", `
		r1 = -1
		*(u64 *)(r10 - 8) = 0
		*(u32 *)(r10 - 8) = r1
		call cpu
		r1 = *(u64 *)(r10 - 8)
		r0 = r1
		exit`, 8},
	{"sign-extending fill", "4 bytes, extended", `
		r1 = -1
		*(u64 *)(r10 - 8) = r1
		call cpu
		r1 = *(s32 *)(r10 - 8)
		r0 = r1
		exit`, 8},
	{"half of it overwritten", "the slot is no longer the register", `
		r1 = -1
		*(u64 *)(r10 - 8) = r1
		*(u32 *)(r10 - 4) = 0
		call cpu
		r1 = *(u64 *)(r10 - 8)
		r0 = r1
		exit`, 8},
	{"a byte overwritten afterwards", "by then the fill has been", `
		r1 = 1
		- *(u64 *)(r10 - 8) = r1
		call cpu
		- r1 = *(u64 *)(r10 - 8)
		*(u8 *)(r10 - 3) = 4
		r0 = r1
		exit`, 8},

	// Calls that do not keep the contract.
	{"call that is not marked", "it leaves nothing in R1", `
		r1 = 1
		*(u64 *)(r10 - 8) = r1
		call rand
		r1 = *(u64 *)(r10 - 8)
		r0 = r1
		exit`, 8},
	{"expanded, but not marked", "nobody has said that the slot is for nothing else", `
		r1 = 1
		*(u64 *)(r10 - 8) = r1
		call plaincpu
		r1 = *(u64 *)(r10 - 8)
		r0 = r1
		exit`, 8},
	{"marked, but not expanded", "the real call leaves nothing in R1", `
		r1 = 1
		*(u64 *)(r10 - 8) = r1
		call gofast
		r1 = *(u64 *)(r10 - 8)
		r0 = r1
		exit`, 8},
	{"R6 over a call that is not marked", "it would stay, but nobody has said so", `
		r6 = 1
		*(u64 *)(r10 - 8) = r6
		call rand
		r6 = *(u64 *)(r10 - 8)
		r0 = r6
		exit`, 8},
	{"marked and not marked in one pair", "one call is enough to lose the register", `
		r1 = 1
		*(u64 *)(r10 - 8) = r1
		call cpu
		call rand
		r1 = *(u64 *)(r10 - 8)
		r0 = r1
		exit`, 8},
	{"two marked callees of which the host knows one", "A at -24 goes; B at -16, which is a call here, stays", `
		r1 = 1
		- *(u64 *)(r10 - 24) = r1
		call cpu
		- r1 = *(u64 *)(r10 - 24)
		*(u64 *)(r10 - 16) = r1
		call gofast
		r1 = *(u64 *)(r10 - 16)
		r0 = r1
		exit`, 16},
	{"the same in one slot", "each pair is a web of its own", `
		r1 = 1
		- *(u64 *)(r10 - 8) = r1
		call cpu
		- r1 = *(u64 *)(r10 - 8)
		*(u64 *)(r10 - 8) = r1
		call rand
		r1 = *(u64 *)(r10 - 8)
		r0 = r1
		exit`, 8},
	{"one spill, two fills, one after a call that is not marked", "the spill has to stay for the second, and so does the first", `
		r1 = 1
		*(u64 *)(r10 - 8) = r1
		call cpu
		r1 = *(u64 *)(r10 - 8)
		r6 = r1
		call rand
		r1 = *(u64 *)(r10 - 8)
		r0 = r1
		exit`, 8},
	{"one spill, two fills", "both after marked calls", `
		r1 = 1
		- *(u64 *)(r10 - 8) = r1
		call cpu
		- r1 = *(u64 *)(r10 - 8)
		r6 = r1
		call cpu
		- r1 = *(u64 *)(r10 - 8)
		r0 = r1
		exit`, 0},
	{"a function of the program", "it writes what it likes", `
		r1 = 1
		*(u64 *)(r10 - 8) = r1
		call f
		r1 = *(u64 *)(r10 - 8)
		r0 = r1
		exit
		f: r0 = 0
		exit`, 8},

	// The register is written on the way.
	{"register rewritten before the call", "the fill brings the old value back", `
		r1 = 1
		*(u64 *)(r10 - 8) = r1
		r1 = 2
		call cpu
		r1 = *(u64 *)(r10 - 8)
		r0 = r1
		exit`, 8},
	{"register rewritten after the call", "the fill brings the old value back", `
		r1 = 1
		*(u64 *)(r10 - 8) = r1
		call cpu
		r1 = 2
		r1 = *(u64 *)(r10 - 8)
		r0 = r1
		exit`, 8},
	{"rewritten on one way", "on the other it would still be there", `
		r1 = 1
		*(u64 *)(r10 - 8) = r1
		call cpu
		if r0 == 7 goto L
		r1 = 2
		L: r1 = *(u64 *)(r10 - 8)
		r0 = r1
		exit`, 8},
	{"rewritten behind the fill", "nothing reads the slot any more", `
		r1 = 1
		- *(u64 *)(r10 - 8) = r1
		call cpu
		- r1 = *(u64 *)(r10 - 8)
		r1 += 1
		r0 = r1
		exit`, 0},
	{"rewritten between two fills", "the second is no copy of what is in the register", `
		r1 = 1
		*(u64 *)(r10 - 8) = r1
		call cpu
		r1 = *(u64 *)(r10 - 8)
		r1 += 1
		r6 = r1
		call cpu
		r1 = *(u64 *)(r10 - 8)
		r0 = r1
		r0 += r6
		exit`, 8},
	{"written by the fill of another slot", "a fill that stays writes its register, and so a second one stays", `
		r1 = 1
		*(u64 *)(r10 - 8) = r1
		r1 = 2
		*(u64 *)(r10 - 16) = r1
		call cpu
		r1 = *(u64 *)(r10 - 8)
		r6 = r1
		r1 = *(u64 *)(r10 - 16)
		r0 = r1
		r0 += r6
		exit`, 16},
	{"two slots of one register", "both fills go: the register has the value all the time", `
		r1 = 1
		- *(u64 *)(r10 - 8) = r1
		- *(u64 *)(r10 - 16) = r1
		call cpu
		- r1 = *(u64 *)(r10 - 8)
		- r1 = *(u64 *)(r10 - 16)
		r0 = r1
		exit`, 0},
	{"32-bit write", "half a register is a write", `
		r1 = -1
		*(u64 *)(r10 - 8) = r1
		w1 = w1
		call cpu
		r1 = *(u64 *)(r10 - 8)
		r0 = r1
		exit`, 8},

	// Something else uses the slot.
	{"read at a fixed offset", "a byte of it is read: the spill stays, and so the fill", `
		r1 = 1
		*(u64 *)(r10 - 8) = r1
		call cpu
		r1 = *(u64 *)(r10 - 8)
		r0 = *(u8 *)(r10 - 8)
		r0 += r1
		exit`, 8},
	{"read whole into another register", "the value is needed in memory", `
		r1 = 1
		*(u64 *)(r10 - 8) = r1
		call cpu
		r1 = *(u64 *)(r10 - 8)
		r2 = *(u64 *)(r10 - 8)
		r0 = r1
		r0 += r2
		exit`, 8},
	{"read through an address", "R10-8 is in R6", `
		r1 = 1
		r6 = r10
		r6 += -8
		*(u64 *)(r10 - 8) = r1
		call cpu
		r1 = *(u64 *)(r10 - 8)
		r0 = *(u64 *)(r6 + 0)
		r0 += r1
		exit`, 8},
	{"read at a variable offset", "any of two slots may be meant", `
		r6 = *(u8 *)(r1 + 0)
		r6 &= 8
		r1 = 1
		*(u64 *)(r10 - 16) = r1
		*(u64 *)(r10 - 8) = r1
		call cpu
		r1 = *(u64 *)(r10 - 8)
		r7 = r10
		r7 += -16
		r7 += r6
		r0 = *(u64 *)(r7 + 0)
		r0 += r1
		exit`, 16},
	{"variable offset above it", "the slot below those is not meant", `
		r6 = *(u8 *)(r1 + 0)
		r6 &= 8
		r1 = 1
		*(u64 *)(r10 - 16) = 2
		*(u64 *)(r10 - 8) = 3
		- *(u64 *)(r10 - 24) = r1
		call cpu
		- r1 = *(u64 *)(r10 - 24)
		r7 = r10
		r7 += -16
		r7 += r6
		r0 = *(u64 *)(r7 + 0)
		r0 += r1
		exit`, 16},
	{"written at a variable offset", "the slot may no longer be what was spilled", `
		r6 = *(u8 *)(r1 + 0)
		r6 &= 8
		r1 = 1
		*(u64 *)(r10 - 16) = 0
		*(u64 *)(r10 - 8) = r1
		r7 = r10
		r7 += -16
		r7 += r6
		*(u64 *)(r7 + 0) = 5
		call cpu
		r1 = *(u64 *)(r10 - 8)
		r0 = r1
		exit`, 16},
	{"read by a helper", "it gets the address of the slot", `
		r1 = 1
		*(u64 *)(r10 - 8) = r1
		call cpu
		r1 = *(u64 *)(r10 - 8)
		r1 = r10
		r1 += -8
		r2 = 8
		call read
		exit`, 8},
	{"written by a helper", "between spill and fill", `
		r6 = 1
		*(u64 *)(r10 - 8) = r6
		r1 = r10
		r1 += -8
		r2 = 8
		call fill
		r6 = *(u64 *)(r10 - 8)
		r0 = r6
		exit`, 8},
	{"a helper reads beside it", "8 bytes from R10-8 on are not the slot at R10-16", `
		*(u64 *)(r10 - 8) = 3
		r1 = 1
		- *(u64 *)(r10 - 16) = r1
		call cpu
		- r1 = *(u64 *)(r10 - 16)
		r6 = r1
		r1 = r10
		r1 += -8
		r2 = 8
		call read
		r0 += r6
		exit`, 8},
	{"a helper reads the slot later", "by then it holds something else", `
		r1 = 1
		- *(u64 *)(r10 - 8) = r1
		call cpu
		- r1 = *(u64 *)(r10 - 8)
		*(u64 *)(r10 - 8) = 4
		r6 = r1
		r1 = r10
		r1 += -8
		r2 = 8
		call read
		r0 += r6
		exit`, 8},
	{"address taken and lost", "a helper that takes any number may read there", `
		r1 = r10
		call any
		r1 = 1
		*(u64 *)(r10 - 8) = r1
		call cpu
		r1 = *(u64 *)(r10 - 8)
		r0 = r1
		exit`, 8},
	{"address taken and stored", "it is in the memory of the run", `
		*(u64 *)(r1 + 0) = r10
		r1 = 1
		*(u64 *)(r10 - 8) = r1
		call cpu
		r1 = *(u64 *)(r10 - 8)
		r0 = r1
		exit`, 8},
	{"read by a callee", "it gets the address of its caller's slot", `
		r1 = 1
		*(u64 *)(r10 - 8) = r1
		call cpu
		r1 = *(u64 *)(r10 - 8)
		r1 = r10
		r1 += -8
		call f
		exit
		f: r0 = *(u64 *)(r1 + 0)
		exit`, 8},
	{"written by a callee of a callee", "two frames further on", `
		r6 = 1
		*(u64 *)(r10 - 8) = r6
		r1 = r10
		call f
		r6 = *(u64 *)(r10 - 8)
		r0 = r6
		exit
		f: call g
		r0 = 0
		exit
		g: *(u64 *)(r1 - 8) = 3
		r0 = 0
		exit`, 8},
	{"a callee reads beside it", "what it gets and uses is another slot", `
		*(u64 *)(r10 - 8) = 3
		r1 = 1
		- *(u64 *)(r10 - 16) = r1
		call cpu
		- r1 = *(u64 *)(r10 - 16)
		r6 = r1
		r1 = r10
		r1 += -8
		call f
		r0 += r6
		exit
		f: r0 = *(u64 *)(r1 + 0)
		exit`, 8},
	{"two functions, one spoiled", "the pair of the callee goes, that of the caller stays", `
		r1 = 1
		*(u64 *)(r10 - 8) = r1
		call cpu
		r1 = *(u64 *)(r10 - 8)
		r0 = *(u8 *)(r10 - 8)
		call f
		exit
		f: r1 = 2
		- *(u64 *)(r10 - 8) = r1
		call cpu
		- r1 = *(u64 *)(r10 - 8)
		r0 = r1
		exit`, 8},

	// Ways through the function.
	{"jump to the first spill", "the whole pair is behind it", `
		r6 = *(u8 *)(r1 + 0)
		r1 = 1
		if r6 == 0 goto L
		r1 = 2
		L: - *(u64 *)(r10 - 8) = r1
		call cpu
		- r1 = *(u64 *)(r10 - 8)
		r0 = r1
		exit`, 0},
	{"jump to the call", "on one way nothing was spilled", `
		r6 = *(u8 *)(r1 + 0)
		r1 = 1
		*(u64 *)(r10 - 8) = 9
		if r6 == 0 goto L
		*(u64 *)(r10 - 8) = r1
		L: call cpu
		r1 = *(u64 *)(r10 - 8)
		r0 = r1
		exit`, 8},
	{"jump to the fill", "on one way there was no spill", `
		r6 = *(u8 *)(r1 + 0)
		r1 = 1
		*(u64 *)(r10 - 8) = 9
		if r6 == 0 goto L
		*(u64 *)(r10 - 8) = r1
		call cpu
		L: r1 = *(u64 *)(r10 - 8)
		r0 = r1
		exit`, 8},
	{"jump between two spills", "the one that it jumps over is what the fill reads", `
		r6 = *(u8 *)(r1 + 0)
		r1 = 1
		r2 = 2
		*(u64 *)(r10 - 8) = 9
		if r6 == 0 goto L
		*(u64 *)(r10 - 8) = r1
		L: - *(u64 *)(r10 - 16) = r2
		call cpu
		- r2 = *(u64 *)(r10 - 16)
		r1 = *(u64 *)(r10 - 8)
		r0 = r1
		r0 += r2
		exit`, 8},
	{"spill above a branch, fill in both arms", "all ways lead from the spill to a fill", `
		r6 = *(u8 *)(r1 + 0)
		r1 = 1
		- *(u64 *)(r10 - 8) = r1
		if r6 == 0 goto L
		call cpu
		- r1 = *(u64 *)(r10 - 8)
		r0 = r1
		exit
		L: - r1 = *(u64 *)(r10 - 8)
		r0 = r1
		r0 += 5
		exit`, 0},
	{"spill above a branch, fill in one arm", "in the other nothing reads the slot", `
		r6 = *(u8 *)(r1 + 0)
		r1 = 1
		- *(u64 *)(r10 - 8) = r1
		if r6 == 0 goto L
		call cpu
		- r1 = *(u64 *)(r10 - 8)
		r0 = r1
		exit
		L: r0 = 5
		exit`, 0},
	{"spill in both arms, fill below", "two spills of one register meet in one fill", `
		r6 = *(u8 *)(r1 + 0)
		if r6 == 0 goto L
		r1 = 1
		- *(u64 *)(r10 - 8) = r1
		call cpu
		goto M
		L: r1 = 2
		- *(u64 *)(r10 - 8) = r1
		call cpu
		M: - r1 = *(u64 *)(r10 - 8)
		r0 = r1
		exit`, 0},
	{"spills of two registers meet", "the fill reads what was in one or the other", `
		r6 = *(u8 *)(r1 + 0)
		r2 = 2
		r1 = 1
		if r6 == 0 goto L
		*(u64 *)(r10 - 8) = r1
		goto M
		L: *(u64 *)(r10 - 8) = r2
		M: call cpu
		r1 = *(u64 *)(r10 - 8)
		r0 = r1
		exit`, 8},
	{"spills meet where nothing reads", "each has had its own fill", `
		r6 = *(u8 *)(r1 + 0)
		r1 = 1
		if r6 == 0 goto L
		- *(u64 *)(r10 - 8) = r1
		call cpu
		- r1 = *(u64 *)(r10 - 8)
		goto M
		L: *(u64 *)(r10 - 8) = r1
		call rand
		r1 = *(u64 *)(r10 - 8)
		M: r0 = r1
		exit`, 8},
	{"spill in a loop header, fill in the body", "every turn spills anew", `
		r6 = 0
		r1 = 1
		L: - *(u64 *)(r10 - 8) = r1
		if r6 == 5 goto M
		call cpu
		- r1 = *(u64 *)(r10 - 8)
		r1 += 1
		r6 += 1
		goto L
		M: r0 = r1
		exit`, 0},
	{"spill before a loop, fill in it", "every turn brings the first value back", `
		r6 = 0
		r1 = 1
		- *(u64 *)(r10 - 8) = r1
		L: call cpu
		- r1 = *(u64 *)(r10 - 8)
		r6 += 1
		if r6 < 5 goto L
		r0 = r1
		exit`, 0},
	{"spill before a loop that changes the register", "the fill of the next turn brings the first value back", `
		r6 = 0
		r1 = 1
		*(u64 *)(r10 - 8) = r1
		L: call cpu
		r1 = *(u64 *)(r10 - 8)
		r1 += r6
		r6 += 1
		if r6 < 5 goto L
		r0 = r1
		exit`, 8},
	{"spill of the turn before", "the first turn reads what was never spilled", `
		r6 = 0
		r1 = 1
		*(u64 *)(r10 - 8) = 0
		L: r2 = *(u64 *)(r10 - 8)
		r1 += r2
		*(u64 *)(r10 - 8) = r1
		call cpu
		r1 = *(u64 *)(r10 - 8)
		r6 += 1
		if r6 < 5 goto L
		r0 = r1
		exit`, 8},
	{"a way on which nothing is spilled", "it ends before the fill", `
		r6 = *(u8 *)(r1 + 0)
		r1 = 1
		if r6 == 0 goto L
		- *(u64 *)(r10 - 8) = r1
		call cpu
		- r1 = *(u64 *)(r10 - 8)
		r0 = r1
		exit
		L: r0 = 0
		exit`, 0},
	{"a branch that is never taken", "what only it leads to does not count", `
		r6 = 1
		r1 = 1
		- *(u64 *)(r10 - 8) = r1
		call cpu
		if r6 == 0 goto L
		- r1 = *(u64 *)(r10 - 8)
		r0 = r1
		exit
		L: r0 = *(u8 *)(r10 - 8)
		exit`, 0},
	{"nested pairs", "the outer pair holds over both calls", `
		r1 = 1
		r2 = 2
		- *(u64 *)(r10 - 8) = r1
		- *(u64 *)(r10 - 16) = r2
		call cpu
		- r2 = *(u64 *)(r10 - 16)
		r2 += 1
		- *(u64 *)(r10 - 16) = r2
		call cpu
		- r2 = *(u64 *)(r10 - 16)
		- r1 = *(u64 *)(r10 - 8)
		r0 = r1
		r0 += r2
		exit`, 0},
	{"a chain of slots", "what stays for one reason keeps what depends on it", `
		r1 = 1
		*(u64 *)(r10 - 8) = r1
		r6 = *(u8 *)(r10 - 8)
		*(u64 *)(r10 - 16) = r1
		call cpu
		r1 = *(u64 *)(r10 - 8)
		r1 = *(u64 *)(r10 - 16)
		r0 = r1
		r0 += r6
		exit`, 16},
	{"the loop of a helper", "the function that it calls gets the address of the slot", `
		r6 = 1
		*(u64 *)(r10 - 8) = r6
		r6 = *(u64 *)(r10 - 8)
		r1 = 3
		r2 = f ll
		r3 = r10
		r4 = 0
		call loop
		r0 = *(u64 *)(r10 - 8)
		exit
		f: r3 = *(u64 *)(r2 - 8)
		r3 += r1
		*(u64 *)(r2 - 8) = r3
		r0 = 0
		exit`, 8},
}
