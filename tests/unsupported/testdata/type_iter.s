.license "GPL"
.program iter, section="iter/task"
r0 = 0
exit
