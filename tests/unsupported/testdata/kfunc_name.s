.license "GPL"
.program f, section="kprobe"
r1 = 1
call kfunc[bpf_task_from_pid]
r0 = 0
exit
