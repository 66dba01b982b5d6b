.license "GPL"
.program f, section="kprobe"
r1 = 0
gotox r1
