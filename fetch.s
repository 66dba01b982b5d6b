*(u64 *)(r10 - 8) = r1
r3 = 1
r3 = atomic_fetch_add((u64 *)(r10 - 8), r3)
r0 = 1
exit
