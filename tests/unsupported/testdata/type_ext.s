.license "GPL"
.program ext, section="freplace/handle"
r0 = 0
exit
