package obj

// Type says how bytes of a map or of data are shown to people. No compiler looks at it.
type Type struct {
	Kind TypeKind
	Size uint32 // bytes
	// Elem and Count describe an array.
	Elem  *Type
	Count uint32
	// Members of a structure, ascending by offset; none overlaps another.
	Members []Member
	// Names are those of an enumeration's values, in the order of their declaration.
	Names []EnumName
}

// TypeKind says what a Type is.
type TypeKind uint8

// The kinds of types.
const (
	TypeBytes    TypeKind = iota // bytes in no form that is known: unions, floating point, arrays of bytes
	TypeUnsigned                 // little-endian, up to 8 bytes; addresses too
	TypeSigned
	TypeBool
	TypeText // an array of char
	TypeEnum // an unsigned number with names
	TypeSignedEnum
	TypeArray
	TypeStruct
)

// Member is a member of a structure.
type Member struct {
	Name   string
	Type   *Type
	Offset uint32 // bits
	Bits   uint32 // of a bit field; 0 if it is none
}

// EnumName is the name of a value.
type EnumName struct {
	Name  string
	Value uint64
}

// MapTypes are the types of a map's keys and values, nil where they are not known.
type MapTypes struct{ Key, Value *Type }
