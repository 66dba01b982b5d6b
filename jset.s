r0 = 1
if r1 & 16 goto +1
r0 = 2
exit
