.license "GPL"
.program f, section="kprobe"
r1 = 0
r1 = addr_space_cast(r1, 0, 1)
r0 = 0
exit
