/* Runs filters as libpcap does, for the tests: cc -O2 -o pcap pcap.c -lpcap
 *
 * A request on standard input is: the number of instructions, the number of packets (32 bits each, of this machine),
 * the instructions, and of each packet its length, its length on the wire and its bytes. The answer is what bpf_validate says and
 * then, if that is not 0, the result for each packet (32 bits each). A request of 0xffffffff packets has none, and runs the
 * filter on 64 zero bytes in another process: the result is whether that came back. */
#include <pcap/pcap.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static int get(void *to, size_t n) { return fread(to, 1, n, stdin) == n; }

static void put(uint32_t v) { fwrite(&v, 4, 1, stdout); }

static uint32_t survives(struct bpf_insn *insns)
{
	static unsigned char zeros[64];
	pid_t pid = fork();
	int status = 1;

	if (pid == 0) {
		bpf_filter(insns, zeros, sizeof(zeros), sizeof(zeros));
		_exit(0);
	}
	waitpid(pid, &status, 0);
	return status == 0;
}

int main(void)
{
	static struct bpf_insn insns[65536];
	static unsigned char packet[65536];
	uint32_t head[2], lens[2], n;

	while (get(head, 8)) {
		int valid;
		if (head[0] > 65536 || !get(insns, head[0] * sizeof(insns[0])))
			return 1;
		valid = bpf_validate(insns, head[0]);
		put(valid);
		if (valid && head[1] == UINT32_MAX)
			put(survives(insns));
		for (n = 0; head[1] != UINT32_MAX && n < head[1]; n++) {
			if (!get(lens, 8) || lens[0] > sizeof(packet) || !get(packet, lens[0]))
				return 1;
			if (valid)
				put(bpf_filter(insns, packet, lens[1], lens[0]));
		}
		fflush(stdout);
	}
	return 0;
}
