// Pointers: null, arithmetic, bounds of values, spills, the stack, the context.
#include "pair.h"

const volatile __u64 constant = 5;

#define LOOKUP "*(u64 *)(r10 - 8) = 0; r2 = r10; r2 += -8; r1 = %[wide] ll; call 1;"

PROGRAM("tc", no_null_check, LOOKUP PICK("", "if r0 == 0 goto 9f;") "*(u64 *)(r0 + 0) = 1;" END)
PROGRAM("tc", inverted_null_check, LOOKUP PICK("if r0 != 0 goto 9f;", "if r0 == 0 goto 9f;") "*(u64 *)(r0 + 0) = 1;" END)
PROGRAM("tc", arithmetic_before_null_check, LOOKUP PICK("r0 += 8; if r0 == 0 goto 9f;", "if r0 == 0 goto 9f; r0 += 8;") "*(u64 *)(r0 + 0) = 1;" END)
PROGRAM("tc", other_lookup_checked, LOOKUP "r6 = r0;" LOOKUP PICK("if r6 == 0 goto 9f;", "if r0 == 0 goto 9f;") "*(u64 *)(r0 + 0) = 1;" END)
PROGRAM("tc", copy_before_reload, LOOKUP "r6 = r0;" PICK(LOOKUP, "") "if r0 == 0 goto 9f; *(u64 *)(r6 + 0) = 1;" END)
PROGRAM("tc", multiplied, VALUE PICK("r7 *= 1;", "") "*(u8 *)(r7 + 0) = 1;" END)
PROGRAM("tc", add_32, VALUE PICK("w7 += 1;", "r7 += 1;") "*(u8 *)(r7 + 0) = 1;" END)
PROGRAM("tc", masked, VALUE PICK("r7 &= -8;", "r7 += 8;") "*(u8 *)(r7 + 0) = 1;" END)
PROGRAM("tc", pointer_plus_pointer, VALUE PICK("r7 += r10;", "r7 += 4;") "*(u8 *)(r7 + 0) = 1;" END)
PROGRAM("tc", scalar_minus_pointer, VALUE "r1 = 8;" PICK("r1 -= r7; r7 = r1;", "r7 += r1;") "*(u8 *)(r7 + 0) = 1;" END)
PROGRAM("tc", scalar_as_pointer, VALUE PICK("*(u8 *)(r1 + 0) = 1;", "*(u8 *)(r7 + 0) = 1;") END)
PROGRAM("tc", past_the_value, VALUE PICK("*(u32 *)(r7 + 256) = 1;", "*(u32 *)(r7 + 252) = 1;") END)
PROGRAM("tc", last_bytes_past_the_value, VALUE PICK("*(u64 *)(r7 + 252) = 1;", "*(u64 *)(r7 + 248) = 1;") END)
PROGRAM("tc", before_the_value, VALUE PICK("r7 += -4;", "r7 += 4; r7 += -4;") "*(u32 *)(r7 + 0) = 1;" END)
PROGRAM("tc", huge_offset, VALUE PICK("r1 &= 0x1fffffff;", "r1 &= 0x1f;") "r7 += r1; *(u8 *)(r7 + 0) = 1;" END)
PROGRAM("tc", offset_plus_immediate, VALUE "r1 &= 0xff; r7 += r1; " PICK("*(u8 *)(r7 + 1) = 1;", "*(u8 *)(r7 + 0) = 1;") END)
PROGRAM("tc", spill_overwritten, VALUE "*(u64 *)(r10 - 16) = r7;" PICK("*(u8 *)(r10 - 16) = 0;", "*(u8 *)(r10 - 17) = 0;") "r1 = *(u64 *)(r10 - 16); *(u8 *)(r1 + 0) = 1;" END)
PROGRAM("tc", spill_overwritten_by_helper, VALUE "*(u64 *)(r10 - 16) = r7; r1 = r6; r2 = 0; r3 = r10;" PICK("r3 += -20;", "r3 += -24;") "r4 = 8; call 26; r1 = *(u64 *)(r10 - 16); *(u8 *)(r1 + 0) = 1;" END)
PROGRAM("tc", spill_overwritten_somewhere, VALUE "*(u64 *)(r10 - 16) = r7; *(u64 *)(r10 - 24) = 0; *(u64 *)(r10 - 32) = 0;" PICK("r1 &= 31;", "r1 &= 7;") "r2 = r10; r2 += -32; r2 += r1; *(u8 *)(r2 + 0) = 1; r1 = *(u64 *)(r10 - 16); *(u8 *)(r1 + 0) = 1;" END)
PROGRAM("tc", half_of_a_spilled_pointer, VALUE "*(u64 *)(r10 - 16) = r7;" PICK("w1 = *(u32 *)(r10 - 16);", "r1 = *(u64 *)(r10 - 16);") "*(u8 *)(r1 + 0) = 1;" END)
PROGRAM("tc", xchg_of_pointer, VALUE "*(u64 *)(r10 - 16) = r7; r1 = 1; r1 = xchg_64(r10 - 16, r1);" PICK("r1 = *(u64 *)(r10 - 16);", "") "*(u8 *)(r1 + 0) = 1;" END)
PROGRAM("tc", atomic_with_pointer, VALUE "r2 = 1;" PICK("lock *(u64 *)(r6 + 48) += r2;", "lock *(u64 *)(r7 + 0) += r2;") END)
PROGRAM("tc", atomic_misaligned, VALUE "r2 = 1; *(u64 *)(r10 - 24) = 0; *(u64 *)(r10 - 16) = 0;" PICK("lock *(u64 *)(r10 - 20) += r2;", "lock *(u64 *)(r10 - 24) += r2;") END)
SEC("tc") __attribute__((naked)) int read_only_value(void)
{
	asm volatile("r1 = %[constant] ll;" PICK("*(u64 *)(r1 + 0) = 1;", "r1 = *(u64 *)(r1 + 0);") END : : [constant] "i"(&constant));
}

// The stack.
PROGRAM("tc", below_the_stack, PICK("*(u64 *)(r10 - 520) = 1;", "*(u64 *)(r10 - 512) = 1;") END)
PROGRAM("tc", above_the_stack, PICK("*(u64 *)(r10 + 0) = 1;", "*(u64 *)(r10 - 8) = 1;") END)
PROGRAM("tc", across_the_top, PICK("*(u64 *)(r10 - 4) = 1;", "*(u32 *)(r10 - 4) = 1;") END)
PROGRAM("tc", misaligned_stack, "r1 = 0;" PICK("*(u64 *)(r10 - 12) = r1;", "*(u64 *)(r10 - 16) = r1;") END)
PROGRAM("tc", variable_below_the_stack, VALUE PICK("r1 &= 0x3ff;", "r1 &= 0xff;") "r1 = -r1; r2 = r10; r2 += -8; r2 += r1; *(u8 *)(r2 + 0) = 1;" END)
PROGRAM("tc", variable_above_the_stack, VALUE "r1 &= 15; r2 = r10;" PICK("r2 += -8;", "r2 += -16;") "r2 += r1; *(u8 *)(r2 + 0) = 1;" END)
PROGRAM("tc", unbounded_stack, VALUE PICK("", "r1 &= 7;") "r2 = r10; r2 += -8; r2 += r1; *(u8 *)(r2 + 0) = 1;" END)
PROGRAM("tc", helper_past_the_stack, "r2 = 0; r3 = r10; r3 += -16;" PICK("r4 = 20;", "r4 = 16;") "call 26;" END)
PROGRAM("tc", frame_pointer_written, PICK("r10 = 0;", "r9 = 0;") END)

// Registers.
PROGRAM("tc", unset_register, PICK("r0 = r2;", "r2 = 0; r0 = r2;") "exit;")
PROGRAM("tc", unset_result, PICK("", "r0 = 0;") "exit;")
PROGRAM("tc", unset_on_one_path, "r2 = *(u32 *)(r1 + 0);" PICK("", "r0 = 1;") "if r2 > 5 goto 1f; r0 = 0; 1: exit;")
PROGRAM("tc", argument_after_call, PICK("", "r6 = r1;") "call 7; r0 = *(u32 *)(" PICK("r1", "r6") " + 0); exit;")

// The context.
PROGRAM("tc", context_past_the_end, "r0 = *(u32 *)(r1 + " PICK("192", "176") "); exit;")
PROGRAM("tc", context_misaligned, "r0 = *(u32 *)(r1 + " PICK("2", "4") "); exit;")
PROGRAM("tc", context_read_only, PICK("*(u32 *)(r1 + 0) = 1;", "*(u32 *)(r1 + 8) = 1;") END)
PROGRAM("tc", context_pointer_as_number, "r0 = *(u64 *)(r1 + " PICK("76", "48") "); r0 = 0; exit;")
PROGRAM("tc", context_narrow_pointer, "w0 = *(u16 *)(r1 + " PICK("76", "16") "); exit;")
PROGRAM("tc", context_variable_offset, "r2 = *(u32 *)(r1 + 0); r2 &= 4;" PICK("r1 += r2;", "") "r0 = *(u32 *)(r1 + 0); exit;")
PROGRAM("tc", context_moved, PICK("r1 += 8;", "") "r2 = 0; r3 = r10; r3 += -8; r4 = 8; call 26;" END)
PROGRAM("tc", context_of_other_type, "r2 = r10; r2 += -8; *(u64 *)(r10 - 8) = 0; r1 = " PICK("r10", "%[wide] ll") "; call 1;" END)

LICENSE("GPL");
