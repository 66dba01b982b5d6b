.map m, type=array, key=4, value=16, entries=1
*(u64 *)(r10 - 8) = r1
r6 = 0
l: *(u8 *)(r10 - 3) = r6
r6 += 1
if r6 < 9 goto l
r0 = *(u16 *)(r10 - 6)
r0 &= 1
exit
