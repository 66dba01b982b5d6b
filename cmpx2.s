*(u64 *)(r10 - 8) = r1
r0 = 0
r3 = 1
r0 = cmpxchg_64(r10 - 8, r0, r3)
r0 &= 1
exit
