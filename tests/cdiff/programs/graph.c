// Graphs of 16 nodes: shortest paths by Dijkstra, Floyd and Warshall, union–find, breadth first, topological order.
// in: "\x01\x02\x00\x04\x00\x00\x07\x00\x00\x03\x00\x00\x00\x05\x00\x00\x01\x00\x00\x00\x02\x02\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01"
#include "prelude.h"

#define N 16
static u32 distance[N][N];

INLINE u8 weight(const u8 *mem, u64 len, u32 a, u32 b)
{
	u64 i = a * N + b;
	return i < len ? mem[i] & 15 : 0;
}

PROGRAM(dijkstra)
{
	u32 best[N], done = 0;
	u64 h = 0;
	for (u32 i = 0; i < N; i++)
		best[i] = i ? ~0u : 0;
	for (u32 turn = 0; turn < N; turn++) {
		u32 at = N;
		for (u32 i = 0; i < N; i++)
			if (!(done >> i & 1) && best[i] != ~0u && (at == N || best[i] < best[at]))
				at = i;
		if (at == N)
			break;
		done |= 1u << at;
		for (u32 i = 0; i < N; i++) {
			u8 w = weight(mem, len, at, i);
			if (w && best[at] + w < best[i])
				best[i] = best[at] + w;
		}
	}
	for (u32 i = 0; i < N; i++)
		FOLD(h, best[i]);
	return h;
}

PROGRAM(floyd_warshall)
{
	u64 h = 0;
	for (u32 i = 0; i < N; i++)
		for (u32 j = 0; j < N; j++) {
			u8 w = weight(mem, len, i, j);
			distance[i][j] = i == j ? 0 : w ? w : 1000000;
		}
	for (u32 k = 0; k < N; k++)
		for (u32 i = 0; i < N; i++)
			for (u32 j = 0; j < N; j++)
				if (distance[i][k] + distance[k][j] < distance[i][j])
					distance[i][j] = distance[i][k] + distance[k][j];
	for (u32 i = 0; i < N * N; i++)
		FOLD(h, distance[i / N][i % N]);
	return h;
}

NOINLINE u8 root(u8 *parent, u8 x)
{
	for (u32 turns = 0; turns < N && parent[x] != x; turns++) {
		parent[x] = parent[parent[x]];
		x = parent[x];
	}
	return x;
}

PROGRAM(components)
{
	u8 parent[N], size[N];
	u32 groups = N;
	u64 h = 0;
	for (u8 i = 0; i < N; i++)
		parent[i] = i, size[i] = 1;
	for (u64 i = 0; i < len; i++) {
		u8 a = root(parent, mem[i] >> 4), b = root(parent, mem[i] & 15);
		if (a == b)
			continue;
		if (size[a] < size[b]) {
			u8 t = a; a = b; b = t;
		}
		parent[b] = a;
		size[a] += size[b];
		groups--;
	}
	for (u8 i = 0; i < N; i++)
		FOLD(h, root(parent, i));
	return h ^ groups;
}

PROGRAM(breadth_first)
{
	u8 queue[N], level[N] = {1};
	u32 head = 0, tail = 0;
	u64 h = 0;
	queue[tail++] = 0;
	while (head < tail) {
		u8 at = queue[head++];
		for (u8 i = 0; i < N; i++)
			if (weight(mem, len, at, i) && !level[i]) {
				level[i] = level[at] + 1;
				queue[tail++] = i;
			}
	}
	for (u32 i = 0; i < N; i++)
		FOLD(h, level[i]);
	return h ^ tail;
}

PROGRAM(topological)
{
	u8 degree[N] = {0};
	u32 done = 0;
	u64 h = 0;
	for (u32 i = 0; i < N; i++)
		for (u32 j = 0; j < N; j++)
			degree[j] += weight(mem, len, i, j) > 12;
	for (u32 turn = 0; turn < N; turn++)
		for (u32 i = 0; i < N; i++) {
			if (done >> i & 1 || degree[i])
				continue;
			done |= 1u << i;
			FOLD(h, i);
			for (u32 j = 0; j < N; j++)
				degree[j] -= weight(mem, len, i, j) > 12;
		}
	return h ^ done;
}
