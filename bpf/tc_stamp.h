// SPDX-License-Identifier: MIT OR GPL-2.0-only
//
// What the TC program and userspace share: the keys and values of the program's maps. Plain C, laid out alike on both
// sides. What the program builds on its stack is made of 8-byte words.
#pragma once

#include <linux/types.h>

#ifdef __cplusplus
#define PACELINE_TC_ASSERT(condition) static_assert(condition, #condition)
#else
#define PACELINE_TC_ASSERT(condition) _Static_assert(condition, #condition)
#endif

enum {
  PACELINE_TC_NOT_OURS = 0,
  PACELINE_TC_UDP = 1,
  PACELINE_TC_TCP = 2,
  PACELINE_TC_SLOTS = 4,       /* a power of two: the program masks with it, which every verifier understands */
  PACELINE_TC_PER_FLOW = 0x80, /* beside PACELINE_TC_UDP: flows of this port are in map `flows` */
};

/* Map `ports`, one entry: the slot of each destination port, by its number in host byte order. */
struct paceline_tc_ports {
  __u8 udp[65536];
  __u8 tcp[65536];
};
PACELINE_TC_ASSERT(sizeof(struct paceline_tc_ports) == 131072);

struct paceline_tc_count {
  __u64 packets; /* segments of super-packets count one by one */
  __u64 bytes;   /* skb lengths: link header included, a super-packet's headers once */
  __u64 skbs;
};
PACELINE_TC_ASSERT(sizeof(struct paceline_tc_count) == 24);

/* Map `counts`, one entry for each CPU. */
struct paceline_tc_counts {
  struct paceline_tc_count slot[PACELINE_TC_SLOTS];
};
PACELINE_TC_ASSERT(sizeof(struct paceline_tc_counts) == 96);

/* Map `flows`, a paceline_tc_count for each CPU, by flow id in network byte order. Userspace alone makes entries. */
enum { PACELINE_TC_FLOWS = 16384 };

/* Map `connections`: a TCP connection as its packets to us name it. IPv4 addresses are the first word's low half in
 * memory, the rest is 0; `ports` are the header's first four bytes, then the IP version. */
struct paceline_tc_key {
  __u64 remote[2];
  __u64 local[2];
  __u64 ports;
};
PACELINE_TC_ASSERT(sizeof(struct paceline_tc_key) == 40);

struct paceline_tc_connection {
  __u64 base;      /* sequence number of the stream's first byte, 32 bits */
  __u64 interface; /* where its SYN passed last: packets that pass several hooked devices are followed at one */
  __u64 highest;   /* how many bytes of the stream there are up to the highest that has come */
  __u64 skbs;      /* with payload */
  __u64 segments;
  __u64 bytes;
  __u64 retransmitted; /* of those, at or below the highest that had come before */
  __u64 ring;          /* place in map `rings` | salt << 16 | PACELINE_TC_RING_TAKEN; 0 until a granule is complete */
  __u64 ring_since;    /* when it was taken, ns */
};
PACELINE_TC_ASSERT(sizeof(struct paceline_tc_connection) == 72);

/* The stream is cut in granules of 64 KiB; a ring holds the times at which the last 512 were complete. Each is one
 * word: the low 48 bits of the time in ns, and above them a tag, the low 16 bits of lap + salt. The salt is the
 * connection's: by it two connections that share a ring notice. */
enum {
  PACELINE_TC_CONNECTIONS = 16384,
  PACELINE_TC_RINGS = 1024, /* more connections than this with a granule each share them */
  PACELINE_TC_GRANULE_BITS = 16,
  PACELINE_TC_LAP_BITS = 9, /* 32 MiB, what a socket's buffer grows to by default */
  PACELINE_TC_LAP = 1 << PACELINE_TC_LAP_BITS,
  PACELINE_TC_TIME_BITS = 48,
};
#define PACELINE_TC_RING_TAKEN (1ULL << 32)

struct paceline_tc_ring {
  __u64 complete[PACELINE_TC_LAP];
};
PACELINE_TC_ASSERT(sizeof(struct paceline_tc_ring) == 4096);

static inline __u64 paceline_tc_tag(__u64 ring, __u64 granule) {
  return ((granule >> PACELINE_TC_LAP_BITS) + (ring >> 16)) & 0xffff;
}
