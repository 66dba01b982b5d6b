/* What the test objects share. */
typedef unsigned char u8;
typedef unsigned int u32;
typedef unsigned long long u64;

#define SEC(name) __attribute__((section(name), used))
#define NOINLINE __attribute__((noinline))

/* The shape of map definitions in BTF, as libbpf defines it. */
#define NUMBER(name, value) int (*name)[value]
#define TYPE(name, type) __typeof__(type) *name
#define VALUES(name, type) __typeof__(type) *name[]
