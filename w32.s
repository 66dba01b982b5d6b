r0 = 1
if w1 == 0 goto +1
r0 = 2
exit
