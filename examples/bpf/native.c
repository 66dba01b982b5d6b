/* Runs one example as ordinary C: PROG is the function, argv[1] the memory in hex. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

u64 PROG(void *mem, u64 len);

int main(int argc, char **argv)
{
	const char *hex = argc > 1 ? argv[1] : "";
	size_t n = strlen(hex) / 2;
	unsigned char *mem = malloc(n + 1);

	for (size_t i = 0; i < n; i++)
		sscanf(hex + 2 * i, "%2hhx", &mem[i]);
	printf("0x%llx\n", PROG(mem, n));
	return 0;
}
