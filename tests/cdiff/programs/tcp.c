// The states of a TCP connection (RFC 9293), driven by a byte an event; a table, and the same as a switch.
// in: "\x00\x03\x05\x01\x06\x05"
// in: "\x01\x02\x04\x05\x01\x05\x06\x07"
#include "prelude.h"

enum state { CLOSED, LISTEN, SYN_SENT, SYN_RCVD, ESTABLISHED, FIN_WAIT_1, FIN_WAIT_2, CLOSE_WAIT, CLOSING, LAST_ACK, TIME_WAIT, STATES };
enum event { OPEN, CLOSE, RECV_SYN, SYN_ACK, RECV_FIN, RECV_ACK, RST, TIMEOUT, EVENTS };

static const u8 table[STATES][EVENTS] = {
	[CLOSED] = {[OPEN] = SYN_SENT + 1},
	[LISTEN] = {[RECV_SYN] = SYN_RCVD + 1, [CLOSE] = CLOSED + 1},
	[SYN_SENT] = {[SYN_ACK] = ESTABLISHED + 1, [RECV_SYN] = SYN_RCVD + 1, [CLOSE] = CLOSED + 1, [RST] = CLOSED + 1},
	[SYN_RCVD] = {[RECV_ACK] = ESTABLISHED + 1, [CLOSE] = FIN_WAIT_1 + 1, [RST] = LISTEN + 1},
	[ESTABLISHED] = {[CLOSE] = FIN_WAIT_1 + 1, [RECV_FIN] = CLOSE_WAIT + 1, [RST] = CLOSED + 1},
	[FIN_WAIT_1] = {[RECV_ACK] = FIN_WAIT_2 + 1, [RECV_FIN] = CLOSING + 1},
	[FIN_WAIT_2] = {[RECV_FIN] = TIME_WAIT + 1},
	[CLOSE_WAIT] = {[CLOSE] = LAST_ACK + 1},
	[CLOSING] = {[RECV_ACK] = TIME_WAIT + 1},
	[LAST_ACK] = {[RECV_ACK] = CLOSED + 1},
	[TIME_WAIT] = {[TIMEOUT] = CLOSED + 1},
};

NOINLINE enum state step(enum state s, u32 e)
{
	switch (s << 4 | e) {
	case CLOSED << 4 | OPEN: return SYN_SENT;
	case LISTEN << 4 | RECV_SYN: case SYN_SENT << 4 | RECV_SYN: return SYN_RCVD;
	case LISTEN << 4 | CLOSE: case SYN_SENT << 4 | CLOSE: case SYN_SENT << 4 | RST: case ESTABLISHED << 4 | RST: return CLOSED;
	case SYN_SENT << 4 | SYN_ACK: case SYN_RCVD << 4 | RECV_ACK: return ESTABLISHED;
	case SYN_RCVD << 4 | CLOSE: case ESTABLISHED << 4 | CLOSE: return FIN_WAIT_1;
	case SYN_RCVD << 4 | RST: return LISTEN;
	case ESTABLISHED << 4 | RECV_FIN: return CLOSE_WAIT;
	case FIN_WAIT_1 << 4 | RECV_ACK: return FIN_WAIT_2;
	case FIN_WAIT_1 << 4 | RECV_FIN: return CLOSING;
	case FIN_WAIT_2 << 4 | RECV_FIN: case CLOSING << 4 | RECV_ACK: return TIME_WAIT;
	case CLOSE_WAIT << 4 | CLOSE: return LAST_ACK;
	case LAST_ACK << 4 | RECV_ACK: case TIME_WAIT << 4 | TIMEOUT: return CLOSED;
	}
	return s;
}

PROGRAM(tcp_states)
{
	enum state a = CLOSED, b = CLOSED;
	u64 h = 0, differ = 0;
	for (u64 i = 0; i < len; i++) {
		u32 e = mem[i] % EVENTS;
		u8 next = table[a][e];
		if (next)
			a = next - 1;
		b = step(b, e);
		differ += a != b;
		mem[i] = (u8)b;
		FOLD(h, a);
	}
	return h ^ differ << 32;
}
