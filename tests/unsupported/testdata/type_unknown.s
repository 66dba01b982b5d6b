.license "GPL"
.program f, section="no_such_section"
r0 = 0
exit
