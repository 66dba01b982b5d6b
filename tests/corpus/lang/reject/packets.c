// Packets: ranges missing, wrong, or gone.
#include "pair.h"

#define PACKET "r6 = r1; r7 = *(u32 *)(r1 + 0); r8 = *(u32 *)(r1 + 4);"
#define CHECK(n) "r2 = r7; r2 += " #n "; if r2 > r8 goto 9f;"

PROGRAM("xdp", no_check, PACKET PICK("", CHECK(14)) "r1 = *(u8 *)(r7 + 13);" END)
PROGRAM("xdp", one_byte_short, PACKET PICK(CHECK(13), CHECK(14)) "r1 = *(u8 *)(r7 + 13);" END)
PROGRAM("xdp", wide_load_past_check, PACKET CHECK(16) PICK("r1 = *(u64 *)(r7 + 12);", "r1 = *(u32 *)(r7 + 12);") END)
PROGRAM("xdp", wrong_direction, PACKET "r2 = r7; r2 += 14;" PICK("if r2 < r8 goto 9f;", "if r2 > r8 goto 9f;") "r1 = *(u8 *)(r7 + 13);" END)
PROGRAM("xdp", greater_or_equal_is_enough, PACKET "r2 = r7; r2 += 14;" PICK("if r2 s> r8 goto 9f;", "if r2 >= r8 goto 9f;") "r1 = *(u8 *)(r7 + 13);" END)
PROGRAM("xdp", negative_offset, PACKET CHECK(14) PICK("r1 = *(u8 *)(r7 - 1);", "r1 = *(u8 *)(r7 + 1);") END)
PROGRAM("xdp", checked_on_one_path, PACKET "r1 = *(u32 *)(r6 + 16); if r1 > 3 goto 1f;" CHECK(14) "goto 2f; 1:" PICK("", CHECK(14)) "2: r1 = *(u8 *)(r7 + 13);" END)
PROGRAM("xdp", after_adjust_head, PACKET CHECK(14) "r1 = r6; r2 = 4; call 44;" PICK("", "r7 = *(u32 *)(r6 + 0); r8 = *(u32 *)(r6 + 4);" CHECK(14)) "r1 = *(u8 *)(r7 + 13);" END)
PROGRAM("xdp", after_adjust_tail, PACKET CHECK(14) "r1 = r6; r2 = -4; call 65;" PICK("", "r7 = *(u32 *)(r6 + 0); r8 = *(u32 *)(r6 + 4);" CHECK(14)) "r1 = *(u8 *)(r7 + 13);" END)
PROGRAM("xdp", end_kept_after_move, PACKET "r1 = r6; r2 = 4; call 44; r7 = *(u32 *)(r6 + 0);" PICK("", "r8 = *(u32 *)(r6 + 4);") CHECK(14) "r1 = *(u8 *)(r7 + 13);" END)

SUB(moves, "r2 = 4; call 44; exit;")
PROGRAM("xdp", moved_by_callee, PACKET CHECK(14) "r1 = r6; call moves;" PICK("", "r7 = *(u32 *)(r6 + 0); r8 = *(u32 *)(r6 + 4);" CHECK(14)) "r1 = *(u8 *)(r7 + 13);" END)

PROGRAM("xdp", variable_not_rechecked, PACKET CHECK(14) "r1 = *(u8 *)(r7 + 0); r7 += r1;" PICK("", CHECK(1)) "r1 = *(u8 *)(r7 + 0);" END)
PROGRAM("xdp", variable_checked_before, PACKET CHECK(20) "r1 = *(u8 *)(r7 + 0);" PICK("r1 &= 31;", "r1 &= 15;") "r7 += r1;" PICK("", CHECK(1)) "r1 = *(u8 *)(r7 + 0);" END)
PROGRAM("xdp", offset_too_large, PACKET CHECK(14) PICK("r1 = *(u32 *)(r7 + 0);", "r1 = *(u16 *)(r7 + 0); r1 &= 0x7fff;") "r7 += r1;" CHECK(1) "r1 = *(u8 *)(r7 + 0);" END)
PROGRAM("xdp", offset_negative, PACKET CHECK(14) "r1 = *(u8 *)(r7 + 0);" PICK("r1 -= 1;", "") "r7 += r1;" CHECK(1) "r1 = *(u8 *)(r7 + 0);" END)
PROGRAM("xdp", other_pointers_range, PACKET CHECK(14) "r1 = *(u8 *)(r7 + 0); r2 = *(u8 *)(r7 + 1); r3 = r7; r3 += r1; r4 = r7; r4 += r2; r5 = r3; r5 += 4; if r5 > r8 goto 9f;" PICK("r1 = *(u8 *)(r4 + 0);", "r1 = *(u8 *)(r3 + 0);") END)
PROGRAM("xdp", end_moved, PACKET PICK("r8 += 8;", "") CHECK(14) "r1 = *(u8 *)(r7 + 13);" END)
PROGRAM("xdp", end_read, PACKET CHECK(14) PICK("r1 = *(u8 *)(r8 + 0);", "r1 = *(u8 *)(r7 + 0);") END)
PROGRAM("xdp", meta_without_check, "r7 = *(u32 *)(r1 + 8); r8 = *(u32 *)(r1 + 0);" PICK("", CHECK(4)) "r1 = *(u32 *)(r7 + 0);" END)
PROGRAM("xdp", meta_against_end, "r7 = *(u32 *)(r1 + 8); r8 = *(u32 *)(r1 + " PICK("4", "0") ");" CHECK(4) "r1 = *(u32 *)(r7 + 0);" END)
PROGRAM("tc", after_store_bytes, "r6 = r1; r7 = *(u32 *)(r1 + 76); r8 = *(u32 *)(r1 + 80);" CHECK(14) "*(u64 *)(r10 - 8) = 0; r1 = r6; r2 = 0; r3 = r10; r3 += -8; r4 = 8; r5 = 0; call 9;" PICK("", "r7 = *(u32 *)(r6 + 76); r8 = *(u32 *)(r6 + 80);" CHECK(14)) "r1 = *(u8 *)(r7 + 0);" END)
PROGRAM("tc", after_pull_data, "r6 = r1; r7 = *(u32 *)(r1 + 76); r8 = *(u32 *)(r1 + 80);" CHECK(14) "r1 = r6; r2 = 0; call 39;" PICK("", "r7 = *(u32 *)(r6 + 76); r8 = *(u32 *)(r6 + 80);" CHECK(14)) "r1 = *(u8 *)(r7 + 0);" END)
PROGRAM("socket", direct_access, PICK("r7 = *(u32 *)(r1 + 76);", "r7 = *(u32 *)(r1 + 0);") END)
PROGRAM("cgroup_skb/egress", written_read_only, "r6 = r1; r7 = *(u32 *)(r1 + 76); r8 = *(u32 *)(r1 + 80);" CHECK(14) PICK("*(u8 *)(r7 + 0) = 1;", "r1 = *(u8 *)(r7 + 0);") "9: r0 = 1; exit;")
PROGRAM("xdp", loop_past_end, PACKET "r1 = 0; 1: " PICK("", CHECK(1)) "r2 = *(u8 *)(r7 + 0); r7 += 1; r1 += 1; if r1 < 8 goto 1b;" END)

LICENSE("GPL");
