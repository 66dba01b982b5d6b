.license "GPL"
.map outer, type=array_of_maps, key=4, value=4, entries=1
.program f, section="kprobe"
*(u32 *)(r10 - 4) = 0
r2 = r10
r2 += -4
r1 = map[outer] ll
call bpf_map_lookup_elem
if r0 == 0 goto out
r1 = r0
r2 = r10
r2 += -4
call bpf_map_lookup_elem
out: r0 = 0
exit
