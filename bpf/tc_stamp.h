// SPDX-License-Identifier: MIT OR GPL-2.0-only
//
// What the TC program and userspace share: the values of the program's two maps. Plain C, laid out alike on
// both sides.
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
  PACELINE_TC_SLOTS = 4, /* a power of two: the program masks with it, which every verifier understands */
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
