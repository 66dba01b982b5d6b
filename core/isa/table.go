package isa

// Use says what an instruction does with one field of its encoding.
type Use uint8

// The uses of a field.
const (
	Reserved Use = iota // must be zero (RFC 9669 section 3.1)
	Operand             // holds an operand of the instruction
	Fixed               // holds a value that tells the instruction from others with the same code byte
)

// Group is a conformance group of RFC 9669 section 2.4.
type Group uint8

// The conformance groups. GroupBeyond marks what RFC 9669 does not define.
const (
	GroupNone Group = iota
	GroupBase32
	GroupBase64
	GroupAtomic32
	GroupAtomic64
	GroupDivMul32
	GroupDivMul64
	GroupPacket
	GroupBeyond
)

// String returns the name that RFC 9669 gives the group; "beyond" for what it does not define.
func (g Group) String() string {
	return [...]string{"none", "base32", "base64", "atomic32", "atomic64", "divmul32", "divmul64", "packet", "beyond"}[g]
}

// Row is what is known about one opcode: how it is encoded and what it means.
type Row struct {
	Op     Op
	Name   string // as the constant of Op
	Kind   Kind
	Arith  Arith    // of KindALU
	Cond   Cond     // of KindBranch
	Atomic AtomicOp // of KindAtomic
	Fetch  bool     // KindAtomic: the old value is returned in src (cmpxchg: in R0)
	Big    bool     // KindEnd: be, not le
	SrcReg bool     // KindALU, KindBranch: the second operand is src, not imm
	Width  uint8    // of the operation or of the loaded result, in bits: 32 or 64
	Size   uint8    // of the memory access or of the converted value, in bytes: 1, 2, 4, 8
	Sub    uint8    // sub-type of lddw

	// Code is the first byte of the encoding. The uses say what the other
	// fields hold; the values belong to those that are Fixed.
	Code                           byte
	DstUse, SrcUse, OffUse, ImmUse Use
	SrcVal                         uint8
	OffVal                         int16
	ImmVal                         int32

	Group   Group
	Section string // of RFC 9669; "" if it is beyond
}

// Table has one row for every opcode. It is read-only: decoder, encoder,
// printers and documentation read it concurrently.
var Table = numbered([numOps]Row{
	Invalid: {Name: "Invalid"},
	Pad:     {Name: "Pad", Kind: KindPad},

	// Arithmetic, RFC 9669 section 4.1.
	AddImm:    alu("AddImm", 0x07, Add, 0),
	AddReg:    alu("AddReg", 0x0f, Add, 0),
	Add32Imm:  alu("Add32Imm", 0x04, Add, 0),
	Add32Reg:  alu("Add32Reg", 0x0c, Add, 0),
	SubImm:    alu("SubImm", 0x17, Sub, 0),
	SubReg:    alu("SubReg", 0x1f, Sub, 0),
	Sub32Imm:  alu("Sub32Imm", 0x14, Sub, 0),
	Sub32Reg:  alu("Sub32Reg", 0x1c, Sub, 0),
	MulImm:    alu("MulImm", 0x27, Mul, 0),
	MulReg:    alu("MulReg", 0x2f, Mul, 0),
	Mul32Imm:  alu("Mul32Imm", 0x24, Mul, 0),
	Mul32Reg:  alu("Mul32Reg", 0x2c, Mul, 0),
	DivImm:    alu("DivImm", 0x37, Div, 0),
	DivReg:    alu("DivReg", 0x3f, Div, 0),
	Div32Imm:  alu("Div32Imm", 0x34, Div, 0),
	Div32Reg:  alu("Div32Reg", 0x3c, Div, 0),
	SDivImm:   alu("SDivImm", 0x37, SDiv, 1),
	SDivReg:   alu("SDivReg", 0x3f, SDiv, 1),
	SDiv32Imm: alu("SDiv32Imm", 0x34, SDiv, 1),
	SDiv32Reg: alu("SDiv32Reg", 0x3c, SDiv, 1),
	OrImm:     alu("OrImm", 0x47, Or, 0),
	OrReg:     alu("OrReg", 0x4f, Or, 0),
	Or32Imm:   alu("Or32Imm", 0x44, Or, 0),
	Or32Reg:   alu("Or32Reg", 0x4c, Or, 0),
	AndImm:    alu("AndImm", 0x57, And, 0),
	AndReg:    alu("AndReg", 0x5f, And, 0),
	And32Imm:  alu("And32Imm", 0x54, And, 0),
	And32Reg:  alu("And32Reg", 0x5c, And, 0),
	LshImm:    alu("LshImm", 0x67, Lsh, 0),
	LshReg:    alu("LshReg", 0x6f, Lsh, 0),
	Lsh32Imm:  alu("Lsh32Imm", 0x64, Lsh, 0),
	Lsh32Reg:  alu("Lsh32Reg", 0x6c, Lsh, 0),
	RshImm:    alu("RshImm", 0x77, Rsh, 0),
	RshReg:    alu("RshReg", 0x7f, Rsh, 0),
	Rsh32Imm:  alu("Rsh32Imm", 0x74, Rsh, 0),
	Rsh32Reg:  alu("Rsh32Reg", 0x7c, Rsh, 0),
	ModImm:    alu("ModImm", 0x97, Mod, 0),
	ModReg:    alu("ModReg", 0x9f, Mod, 0),
	Mod32Imm:  alu("Mod32Imm", 0x94, Mod, 0),
	Mod32Reg:  alu("Mod32Reg", 0x9c, Mod, 0),
	SModImm:   alu("SModImm", 0x97, SMod, 1),
	SModReg:   alu("SModReg", 0x9f, SMod, 1),
	SMod32Imm: alu("SMod32Imm", 0x94, SMod, 1),
	SMod32Reg: alu("SMod32Reg", 0x9c, SMod, 1),
	XorImm:    alu("XorImm", 0xa7, Xor, 0),
	XorReg:    alu("XorReg", 0xaf, Xor, 0),
	Xor32Imm:  alu("Xor32Imm", 0xa4, Xor, 0),
	Xor32Reg:  alu("Xor32Reg", 0xac, Xor, 0),
	MovImm:    alu("MovImm", 0xb7, Mov, 0),
	MovReg:    alu("MovReg", 0xbf, Mov, 0),
	Mov32Imm:  alu("Mov32Imm", 0xb4, Mov, 0),
	Mov32Reg:  alu("Mov32Reg", 0xbc, Mov, 0),
	ArshImm:   alu("ArshImm", 0xc7, Arsh, 0),
	ArshReg:   alu("ArshReg", 0xcf, Arsh, 0),
	Arsh32Imm: alu("Arsh32Imm", 0xc4, Arsh, 0),
	Arsh32Reg: alu("Arsh32Reg", 0xcc, Arsh, 0),
	MovSX8:    movsx("MovSX8", 0xbf, 8),
	MovSX16:   movsx("MovSX16", 0xbf, 16),
	MovSX32:   movsx("MovSX32", 0xbf, 32),
	MovSX8W:   movsx("MovSX8W", 0xbc, 8),
	MovSX16W:  movsx("MovSX16W", 0xbc, 16),
	Neg:       neg("Neg", 0x87),
	Neg32:     neg("Neg32", 0x84),

	// Byte swaps, section 4.2.
	Le16:   end("Le16", 0xd4, KindEnd, 16),
	Le32:   end("Le32", 0xd4, KindEnd, 32),
	Le64:   end("Le64", 0xd4, KindEnd, 64),
	Be16:   end("Be16", 0xdc, KindEnd, 16),
	Be32:   end("Be32", 0xdc, KindEnd, 32),
	Be64:   end("Be64", 0xdc, KindEnd, 64),
	Swap16: end("Swap16", 0xd7, KindSwap, 16),
	Swap32: end("Swap32", 0xd7, KindSwap, 32),
	Swap64: end("Swap64", 0xd7, KindSwap, 64),

	// 64-bit immediates, section 5.4.
	LddwImm64:      lddw("LddwImm64", SubImm64),
	LddwMapFD:      lddw("LddwMapFD", SubMapFD),
	LddwMapValueFD: lddw("LddwMapValueFD", SubMapValueFD),
	LddwVar:        lddw("LddwVar", SubVar),
	LddwFunc:       lddw("LddwFunc", SubFunc),
	LddwMapIdx:     lddw("LddwMapIdx", SubMapIdx),
	LddwMapValIdx:  lddw("LddwMapValIdx", SubMapValIdx),

	// Loads and stores, sections 5.1 and 5.2.
	LdxB:  load("LdxB", 0x71, KindLoad),
	LdxH:  load("LdxH", 0x69, KindLoad),
	LdxW:  load("LdxW", 0x61, KindLoad),
	LdxDW: load("LdxDW", 0x79, KindLoad),
	LdxSB: load("LdxSB", 0x91, KindLoadSX),
	LdxSH: load("LdxSH", 0x89, KindLoadSX),
	LdxSW: load("LdxSW", 0x81, KindLoadSX),
	StB:   storeImm("StB", 0x72),
	StH:   storeImm("StH", 0x6a),
	StW:   storeImm("StW", 0x62),
	StDW:  storeImm("StDW", 0x7a),
	StxB:  storeReg("StxB", 0x73),
	StxH:  storeReg("StxH", 0x6b),
	StxW:  storeReg("StxW", 0x63),
	StxDW: storeReg("StxDW", 0x7b),

	// Atomics, section 5.3.
	LockAdd:    atomic("LockAdd", 0xdb, AtomicAdd, 0x00),
	LockAdd32:  atomic("LockAdd32", 0xc3, AtomicAdd, 0x00),
	FetchAdd:   atomic("FetchAdd", 0xdb, AtomicAdd, 0x01),
	FetchAdd32: atomic("FetchAdd32", 0xc3, AtomicAdd, 0x01),
	LockOr:     atomic("LockOr", 0xdb, AtomicOr, 0x40),
	LockOr32:   atomic("LockOr32", 0xc3, AtomicOr, 0x40),
	FetchOr:    atomic("FetchOr", 0xdb, AtomicOr, 0x41),
	FetchOr32:  atomic("FetchOr32", 0xc3, AtomicOr, 0x41),
	LockAnd:    atomic("LockAnd", 0xdb, AtomicAnd, 0x50),
	LockAnd32:  atomic("LockAnd32", 0xc3, AtomicAnd, 0x50),
	FetchAnd:   atomic("FetchAnd", 0xdb, AtomicAnd, 0x51),
	FetchAnd32: atomic("FetchAnd32", 0xc3, AtomicAnd, 0x51),
	LockXor:    atomic("LockXor", 0xdb, AtomicXor, 0xa0),
	LockXor32:  atomic("LockXor32", 0xc3, AtomicXor, 0xa0),
	FetchXor:   atomic("FetchXor", 0xdb, AtomicXor, 0xa1),
	FetchXor32: atomic("FetchXor32", 0xc3, AtomicXor, 0xa1),
	Xchg:       atomic("Xchg", 0xdb, AtomicXchg, 0xe1),
	Xchg32:     atomic("Xchg32", 0xc3, AtomicXchg, 0xe1),
	CmpXchg:    atomic("CmpXchg", 0xdb, AtomicCmpXchg, 0xf1),
	CmpXchg32:  atomic("CmpXchg32", 0xc3, AtomicCmpXchg, 0xf1),

	// Load-acquire and store-release, beyond RFC 9669 (Linux 6.15).
	LdAcqB:  ordered("LdAcqB", 0xd3, KindLoadAcq, 0x100),
	LdAcqH:  ordered("LdAcqH", 0xcb, KindLoadAcq, 0x100),
	LdAcqW:  ordered("LdAcqW", 0xc3, KindLoadAcq, 0x100),
	LdAcqDW: ordered("LdAcqDW", 0xdb, KindLoadAcq, 0x100),
	StRelB:  ordered("StRelB", 0xd3, KindStoreRel, 0x110),
	StRelH:  ordered("StRelH", 0xcb, KindStoreRel, 0x110),
	StRelW:  ordered("StRelW", 0xc3, KindStoreRel, 0x110),
	StRelDW: ordered("StRelDW", 0xdb, KindStoreRel, 0x110),

	// Legacy packet access, section 5.5.
	LdAbsB: packet("LdAbsB", 0x30, KindLoadAbs),
	LdAbsH: packet("LdAbsH", 0x28, KindLoadAbs),
	LdAbsW: packet("LdAbsW", 0x20, KindLoadAbs),
	LdIndB: packet("LdIndB", 0x50, KindLoadInd),
	LdIndH: packet("LdIndH", 0x48, KindLoadInd),
	LdIndW: packet("LdIndW", 0x40, KindLoadInd),

	// Jumps, section 4.3.
	Ja:        ja("Ja", 0x05, KindJump),
	Ja32:      ja("Ja32", 0x06, KindJump),
	JEQImm:    branch("JEQImm", 0x15, EQ),
	JEQReg:    branch("JEQReg", 0x1d, EQ),
	JEQ32Imm:  branch("JEQ32Imm", 0x16, EQ),
	JEQ32Reg:  branch("JEQ32Reg", 0x1e, EQ),
	JNEImm:    branch("JNEImm", 0x55, NE),
	JNEReg:    branch("JNEReg", 0x5d, NE),
	JNE32Imm:  branch("JNE32Imm", 0x56, NE),
	JNE32Reg:  branch("JNE32Reg", 0x5e, NE),
	JGTImm:    branch("JGTImm", 0x25, GT),
	JGTReg:    branch("JGTReg", 0x2d, GT),
	JGT32Imm:  branch("JGT32Imm", 0x26, GT),
	JGT32Reg:  branch("JGT32Reg", 0x2e, GT),
	JGEImm:    branch("JGEImm", 0x35, GE),
	JGEReg:    branch("JGEReg", 0x3d, GE),
	JGE32Imm:  branch("JGE32Imm", 0x36, GE),
	JGE32Reg:  branch("JGE32Reg", 0x3e, GE),
	JLTImm:    branch("JLTImm", 0xa5, LT),
	JLTReg:    branch("JLTReg", 0xad, LT),
	JLT32Imm:  branch("JLT32Imm", 0xa6, LT),
	JLT32Reg:  branch("JLT32Reg", 0xae, LT),
	JLEImm:    branch("JLEImm", 0xb5, LE),
	JLEReg:    branch("JLEReg", 0xbd, LE),
	JLE32Imm:  branch("JLE32Imm", 0xb6, LE),
	JLE32Reg:  branch("JLE32Reg", 0xbe, LE),
	JSGTImm:   branch("JSGTImm", 0x65, SGT),
	JSGTReg:   branch("JSGTReg", 0x6d, SGT),
	JSGT32Imm: branch("JSGT32Imm", 0x66, SGT),
	JSGT32Reg: branch("JSGT32Reg", 0x6e, SGT),
	JSGEImm:   branch("JSGEImm", 0x75, SGE),
	JSGEReg:   branch("JSGEReg", 0x7d, SGE),
	JSGE32Imm: branch("JSGE32Imm", 0x76, SGE),
	JSGE32Reg: branch("JSGE32Reg", 0x7e, SGE),
	JSLTImm:   branch("JSLTImm", 0xc5, SLT),
	JSLTReg:   branch("JSLTReg", 0xcd, SLT),
	JSLT32Imm: branch("JSLT32Imm", 0xc6, SLT),
	JSLT32Reg: branch("JSLT32Reg", 0xce, SLT),
	JSLEImm:   branch("JSLEImm", 0xd5, SLE),
	JSLEReg:   branch("JSLEReg", 0xdd, SLE),
	JSLE32Imm: branch("JSLE32Imm", 0xd6, SLE),
	JSLE32Reg: branch("JSLE32Reg", 0xde, SLE),
	JSETImm:   branch("JSETImm", 0x45, SET),
	JSETReg:   branch("JSETReg", 0x4d, SET),
	JSET32Imm: branch("JSET32Imm", 0x46, SET),
	JSET32Reg: branch("JSET32Reg", 0x4e, SET),
	MayGoto:   ja("MayGoto", 0xe5, KindMayGoto),

	// Calls and exit, sections 4.3.1 and 4.3.2.
	Call:      call("Call", KindCallHelper, 0),
	CallLocal: call("CallLocal", KindCallLocal, 1),
	CallKfunc: call("CallKfunc", KindCallKfunc, 2),
	CallReg:   jumpReg("CallReg", 0x8d, KindCallReg),
	Exit:      exit("Exit", 0x95),
	GotoX:     jumpReg("GotoX", 0x0d, KindGotoReg),

	// Address spaces, beyond RFC 9669 (Linux 6.9).
	AddrSpaceCast: addrSpace("AddrSpaceCast", 0xbf),
})

// numbered sets Op of every row to its index.
func numbered(t [numOps]Row) [numOps]Row {
	for i := range t {
		t[i].Op = Op(i)
	}
	return t
}

// Fields of the code byte, RFC 9669 section 3.
const (
	classMask  = 0x07
	classALU   = 0x04
	classJmp   = 0x05
	classJmp32 = 0x06
	classALU64 = 0x07
	srcBit     = 0x08
	sizeMask   = 0x18
	codeLddw   = 0x18
)

// sizeOf returns the bytes that the size bits of a load or store code stand for.
func sizeOf(code byte) uint8 {
	return [...]uint8{4, 2, 1, 8}[code&sizeMask>>3]
}

// widthOf returns the operand width of an ALU or jump code.
func widthOf(code byte) uint8 {
	if c := code & classMask; c == classALU || c == classJmp32 {
		return 32
	}
	return 64
}

// byWidth picks the group for 32- and 64-bit instructions.
func byWidth(width uint8, g32, g64 Group) Group {
	if width == 32 {
		return g32
	}
	return g64
}

// secondOperand sets what the source bit of an ALU or jump code decides.
func (r Row) secondOperand() Row {
	r.SrcReg = r.Code&srcBit != 0
	if r.SrcReg {
		r.SrcUse = Operand
	} else {
		r.ImmUse = Operand
	}
	return r
}

func alu(name string, code byte, a Arith, off int16) Row {
	r := Row{Name: name, Kind: KindALU, Arith: a, Width: widthOf(code), Code: code, DstUse: Operand, Section: "4.1"}
	r.Group = byWidth(r.Width, GroupBase32, GroupBase64)
	switch a {
	case Mul, Div, SDiv, Mod, SMod:
		r.Group = byWidth(r.Width, GroupDivMul32, GroupDivMul64)
	}
	switch a {
	case Div, SDiv, Mod, SMod, Mov: // off tells signed from unsigned, movsx and addr_space_cast from mov
		r.OffUse, r.OffVal = Fixed, off
	}
	return r.secondOperand()
}

func movsx(name string, code byte, bits int16) Row {
	w := widthOf(code)
	return Row{
		Name: name, Kind: KindMovSX, Width: w, Size: uint8(bits / 8), SrcReg: true, Code: code,
		DstUse: Operand, SrcUse: Operand, OffUse: Fixed, OffVal: bits,
		Group: byWidth(w, GroupBase32, GroupBase64), Section: "4.1",
	}
}

func neg(name string, code byte) Row {
	w := widthOf(code)
	return Row{
		Name: name, Kind: KindNeg, Width: w, Code: code, DstUse: Operand,
		Group: byWidth(w, GroupBase32, GroupBase64), Section: "4.1",
	}
}

// end makes the byte-order conversions, of which imm tells the width.
func end(name string, code byte, k Kind, bits int32) Row {
	return Row{
		Name: name, Kind: k, Big: k == KindEnd && code&srcBit != 0, Width: 64, Size: uint8(bits / 8), Code: code,
		DstUse: Operand, ImmUse: Fixed, ImmVal: bits,
		Group: endGroup(bits), Section: "4.2",
	}
}

// endGroup is the group of a conversion; bswap16 and bswap32 are in base32 although their class is ALU64.
func endGroup(bits int32) Group {
	if bits == 64 {
		return GroupBase64
	}
	return GroupBase32
}

func lddw(name string, sub uint8) Row {
	return Row{
		Name: name, Kind: KindLoadImm64, Width: 64, Size: 8, Sub: sub, Code: codeLddw,
		DstUse: Operand, SrcUse: Fixed, SrcVal: sub, ImmUse: Operand, Group: GroupBase64, Section: "5.4",
	}
}

// memory returns the parts that all loads and stores by register have in common.
func memory(name string, code byte, k Kind) Row {
	size := sizeOf(code)
	r := Row{
		Name: name, Kind: k, Width: 64, Size: size, Code: code,
		DstUse: Operand, OffUse: Operand, Group: GroupBase32, Section: "5.1",
	}
	if size == 8 {
		r.Group = GroupBase64
	}
	return r
}

func load(name string, code byte, k Kind) Row {
	r := memory(name, code, k)
	r.SrcUse = Operand
	if k == KindLoadSX {
		r.Group, r.Section = GroupBase64, "5.2"
	}
	return r
}

func storeImm(name string, code byte) Row {
	r := memory(name, code, KindStoreImm)
	r.ImmUse = Operand
	return r
}

func storeReg(name string, code byte) Row {
	r := memory(name, code, KindStore)
	r.SrcUse, r.SrcReg = Operand, true
	return r
}

func atomic(name string, code byte, a AtomicOp, imm int32) Row {
	r := memory(name, code, KindAtomic)
	r.Atomic, r.Fetch, r.Width = a, imm&1 != 0, r.Size*8
	r.SrcUse, r.SrcReg, r.ImmUse, r.ImmVal = Operand, true, Fixed, imm
	r.Group, r.Section = byWidth(r.Width, GroupAtomic32, GroupAtomic64), "5.3"
	return r
}

func ordered(name string, code byte, k Kind, imm int32) Row {
	r := memory(name, code, k)
	r.SrcUse, r.SrcReg, r.ImmUse, r.ImmVal = Operand, k == KindStoreRel, Fixed, imm
	r.Group, r.Section = GroupBeyond, ""
	return r
}

func packet(name string, code byte, k Kind) Row {
	r := Row{
		Name: name, Kind: k, Width: 64, Size: sizeOf(code), Code: code,
		ImmUse: Operand, Group: GroupPacket, Section: "5.5",
	}
	if k == KindLoadInd {
		r.SrcUse = Operand
	}
	return r
}

// ja makes the jumps without operands besides their target, which is imm in the JMP32 class.
func ja(name string, code byte, k Kind) Row {
	r := Row{Name: name, Kind: k, Width: widthOf(code), Code: code, Group: GroupBase32, Section: "4.3"}
	if r.Width == 32 {
		r.ImmUse = Operand
	} else {
		r.OffUse = Operand
	}
	if k == KindMayGoto {
		r.Group, r.Section = GroupBeyond, ""
	}
	return r
}

func branch(name string, code byte, c Cond) Row {
	w := widthOf(code)
	r := Row{
		Name: name, Kind: KindBranch, Cond: c, Width: w, Code: code, DstUse: Operand, OffUse: Operand,
		Group: byWidth(w, GroupBase32, GroupBase64), Section: "4.3",
	}
	return r.secondOperand()
}

func call(name string, k Kind, src uint8) Row {
	r := Row{
		Name: name, Kind: k, Width: 64, Code: 0x85, SrcUse: Fixed, SrcVal: src, ImmUse: Operand,
		Group: GroupBase32, Section: "4.3.1",
	}
	switch k {
	case KindCallLocal:
		r.Section = "4.3.2"
	case KindCallKfunc:
		r.OffUse = Operand // index of the module's BTF descriptor (Linux 5.16, fixup_kfunc_call)
	}
	return r
}

func exit(name string, code byte) Row {
	return Row{Name: name, Kind: KindExit, Width: 64, Code: code, Group: GroupBase32, Section: "4.3"}
}

// jumpReg makes callx and gotox, whose target is in dst (clang 19 and later; Linux 6.19 for gotox).
func jumpReg(name string, code byte, k Kind) Row {
	return Row{Name: name, Kind: k, Width: 64, Code: code, DstUse: Operand, Group: GroupBeyond}
}

// addrSpace makes the mov with off = 1; imm holds the address spaces, destination in its upper half.
func addrSpace(name string, code byte) Row {
	return Row{
		Name: name, Kind: KindAddrSpace, Width: 64, SrcReg: true, Code: code,
		DstUse: Operand, SrcUse: Operand, OffUse: Fixed, OffVal: 1, ImmUse: Operand, Group: GroupBeyond,
	}
}
