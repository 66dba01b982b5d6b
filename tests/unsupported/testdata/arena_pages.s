.license "GPL"
.map m, type=arena, entries=1
.program f, section="kprobe"
r1 = map[m] ll
r2 = 0
r3 = 1
r4 = -1
r5 = 0
call kfunc[bpf_arena_alloc_pages]
r0 = 0
exit
