.map m, type=array, key=4, value=16, entries=1
*(u64 *)(r10 - 8) = r1
r1 = r10
r1 += -8
call f
exit
f: r0 = *(u32 *)(r1 + 4)
r0 &= 1
exit
