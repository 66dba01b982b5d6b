r2 = *(u32 *)(r1 + 0)
r3 = *(u32 *)(r1 + 4)
r3 -= r2
r0 = 1
if r3 > 100 goto +1
r0 = 2
exit
