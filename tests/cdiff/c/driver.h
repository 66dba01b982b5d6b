/* Runs the programs of a table: natively, and as the object that bpfc compiled, on the
 * inputs of a file. Prints a line for each run: the result, and the memory afterwards. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct fault { uint64_t words[16]; };

struct entry {
	uint64_t (*native)(uint8_t *, uint64_t);
	int (*checked)(void *, uint64_t, uint64_t *, struct fault *);
	uint64_t (*plain)(void *, uint64_t);
};

/* How many runs of an object end by the plain form: every fourth does. */
static unsigned long runs;

static void show(int status, uint64_t ret, const uint8_t *mem, size_t n)
{
	printf("%d %llx ", status, (unsigned long long)ret);
	for (size_t i = 0; i < n; i++)
		printf("%02x", mem[i]);
	putchar('\n');
}

static void run(const struct entry *e, int object, uint8_t *mem, uint64_t n)
{
	struct fault fault;
	uint64_t ret = 0;
	int status = 0;
	if (!object)
		ret = e->native(mem, n);
	else if (runs++ % 4 == 3)
		ret = e->plain(mem, n);
	else
		status = e->checked(mem, n, &ret, &fault);
	show(status, ret, mem, n);
}

/* Each input is a length of four bytes and its bytes. */
static void runAll(const struct entry *e, int object, const char *path)
{
	FILE *f = fopen(path, "rb");
	uint32_t n;
	if (!f)
		exit(2);
	while (fread(&n, sizeof n, 1, f) == 1) {
		uint8_t *mem = malloc(n ? n : 1); /* no more, for the sanitizers */
		if (fread(mem, 1, n, f) != n)
			exit(3);
		run(e, object, mem, n);
		free(mem);
	}
	fclose(f);
}

/* argv: "native" or "object", the file of the inputs */
static int drive(const struct entry *table, size_t n, char **argv)
{
	int object = !strcmp(argv[1], "object");
	for (size_t i = 0; i < n; i++)
		runAll(&table[i], object, argv[2]);
	return 0;
}
