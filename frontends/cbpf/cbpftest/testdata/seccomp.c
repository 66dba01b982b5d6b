/* Makes filters with libseccomp, for the tests: cc -O2 -o seccomp seccomp.c -lseccomp
 *
 * A policy on standard input is: the action by default, the number of rules; of each rule the action, the system call
 * and the number of comparisons; of each of these the argument, the operation of libseccomp, and two numbers. All are
 * decimal. The answer is the filter, as `line`, or an empty line if libseccomp refuses a rule. */
#include <inttypes.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <linux/filter.h>

static void print(scmp_filter_ctx c)
{
	FILE *f = tmpfile();
	struct sock_filter i;
	long size;

	if (!f || seccomp_export_bpf(c, fileno(f)) < 0)
		exit(1);
	fseek(f, 0, SEEK_END);
	size = ftell(f);
	rewind(f);
	printf("%ld,", size / (long)sizeof(i));
	while (fread(&i, sizeof(i), 1, f) == 1)
		printf("%u %u %u %u,", i.code, i.jt, i.jf, i.k);
	fclose(f);
}

int main(void)
{
	uint32_t fallback, rules, action;
	int nr, n, k, bad;

	while (scanf("%" SCNu32 " %" SCNu32, &fallback, &rules) == 2) {
		scmp_filter_ctx c = seccomp_init(fallback);
		if (!c)
			return 1;
		for (bad = 0; rules; rules--) {
			struct scmp_arg_cmp cmp[6];
			if (scanf("%" SCNu32 " %d %d", &action, &nr, &n) != 3 || n > 6)
				return 1;
			for (k = 0; k < n; k++) {
				unsigned op;
				if (scanf("%u %u %" SCNu64 " %" SCNu64, &cmp[k].arg, &op, &cmp[k].datum_a, &cmp[k].datum_b) != 4)
					return 1;
				cmp[k].op = op;
			}
			bad |= seccomp_rule_add_array(c, action, nr, n, cmp) < 0;
		}
		if (!bad)
			print(c);
		putchar('\n');
		fflush(stdout);
		seccomp_release(c);
	}
	return 0;
}
