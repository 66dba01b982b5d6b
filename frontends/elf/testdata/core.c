/* An access that has to be adapted to the kernel's layout. */
#include "fixture.h"

struct inode { int before; struct { int x, number; } at[2]; } __attribute__((preserve_access_index));

SEC("mem") u64 core(struct inode *i) { return i->at[1].number; }
