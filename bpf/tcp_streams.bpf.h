// SPDX-License-Identifier: MIT OR GPL-2.0-only
//
// Part of the TC program: follows each TCP connection from its SYN on. Counts its packets with payload, and stores when
// each granule of the stream was complete (tc_stamp.h has the layout). One store for a granule, no lock: two CPUs that
// get one connection's packets at the same moment may miscount by what they overtake each other, no more.
#pragma once

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>

#include "packet.bpf.h"
#include "tc_stamp.h"

struct {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __uint(max_entries, PACELINE_TC_CONNECTIONS);
  __type(key, struct paceline_tc_key);
  __type(value, struct paceline_tc_connection);
} connections SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(map_flags, BPF_F_MMAPABLE);
  __uint(max_entries, PACELINE_TC_RINGS);
  __type(key, __u32);
  __type(value, struct paceline_tc_ring);
} rings SEC(".maps");

static __u64 rings_taken;

enum { MOST_GRANULES = 9 };  // in one packet: BIG TCP allows 512 KiB

// A SYN that comes again belongs to the same connection: it was retransmitted, or passes one more device with the hook.
static __always_inline void begin_connection(struct __sk_buff* skb, const struct paceline_tc_key* key, __u32 base) {
  struct paceline_tc_connection* known = bpf_map_lookup_elem(&connections, key);
  if (known && known->base == base) {
    known->interface = skb->ifindex;
    return;
  }
  struct paceline_tc_connection fresh = {.base = base, .interface = skb->ifindex};
  bpf_map_update_elem(&connections, key, &fresh, BPF_ANY);
}

// A connection gets its ring with its first granule: the many that carry an exchange and close need none.
static __always_inline __u64 ring_of(struct paceline_tc_connection* connection, __u64 now) {
  if (connection->ring) return connection->ring;
  const __u64 salt = bpf_get_prandom_u32() & 0xffff;
  connection->ring_since = now;
  connection->ring = PACELINE_TC_RING_TAKEN | salt << 16 | (rings_taken++ & (PACELINE_TC_RINGS - 1));
  return connection->ring;
}

// A granule that came before keeps its time; one that is too old for the ring, because of a hole that was filled late,
// must not displace the younger.
static __always_inline void store_granule(struct paceline_tc_ring* times, __u64 granule, __u64 tag, __u64 newest,
                                          __u64 now) {
  if (newest > granule + PACELINE_TC_LAP) return;
  __u64* complete = &times->complete[granule & (PACELINE_TC_LAP - 1)];
  const __u64 stored = *complete;
  if (stored && stored >> PACELINE_TC_TIME_BITS == tag) return;
  *complete = tag << PACELINE_TC_TIME_BITS | (now & ((1ULL << PACELINE_TC_TIME_BITS) - 1));
}

// Granules `first` to less than `end` have their last byte in this packet.
static __always_inline void store_granules(struct paceline_tc_connection* connection, __u64 first, __u64 end) {
  const __u64 now = bpf_ktime_get_ns();
  const __u64 ring = ring_of(connection, now);
  const __u64 newest = connection->highest >> PACELINE_TC_GRANULE_BITS;
  __u64 place = ring & (PACELINE_TC_RINGS - 1);
  if (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__) place <<= 32;  // the key is the word's first half in memory
  struct paceline_tc_ring* times = bpf_map_lookup_elem(&rings, &place);
  if (!times) return;
#pragma unroll
  for (__u64 i = 0; i < MOST_GRANULES; i++) {
    const __u64 granule = first + i;
    if (granule >= end) break;
    store_granule(times, granule, paceline_tc_tag(ring, granule), newest, now);
  }
}

static __always_inline void count_payload(struct __sk_buff* skb, const struct paceline_tc_key* key, __u32 sequence,
                                          __u64 payload) {
  struct paceline_tc_connection* connection = bpf_map_lookup_elem(&connections, key);
  if (!connection || connection->interface != skb->ifindex) return;

  // Sequence numbers are 32 bits of the stream's position; no window is so large that the nearest is not the one.
  const __u64 highest = connection->highest;
  const __s64 ahead = (__s32)(sequence - (__u32)(connection->base + highest));
  const __u64 start = highest + ahead, end = start + payload;
  __u64 again = payload;
  if (ahead + (__s64)payload > 0) {
    again = ahead < 0 ? -ahead : 0;
    connection->highest = end;
  }
  const __u64 segments = skb->gso_segs;
  __sync_fetch_and_add(&connection->skbs, 1);
  __sync_fetch_and_add(&connection->segments, segments ? segments : 1);
  __sync_fetch_and_add(&connection->bytes, payload);
  if (again) __sync_fetch_and_add(&connection->retransmitted, again);

  const __u64 first = start >> PACELINE_TC_GRANULE_BITS, past = end >> PACELINE_TC_GRANULE_BITS;
  if (first < past) store_granules(connection, first, past);
}

// `link`: the size of the link header; `ip` and `transport`: where those headers are, from the network header on. What
// the headers say of their lengths is believed: a packet where it is wrong can only spoil its own connection's figures.
static __noinline int follow_tcp(struct __sk_buff* skb, __u64 link, __u64 version, __u64 ip, __u64 transport) {
  struct tcphdr tcp;
  if (load(skb, link, transport, &tcp, sizeof(tcp))) return 0;

  struct paceline_tc_key key = {.ports = version << 32 | *(const __u32*)&tcp};
  __u64 length;
  if (version == 4) {
    struct iphdr head;
    if (load(skb, link, ip, &head, sizeof(head))) return 0;
    key.remote[0] = head.saddr;
    key.local[0] = head.daddr;
    length = bpf_ntohs(head.tot_len);
    if (length) length += ip;
  } else {
    struct ipv6hdr head;
    if (load(skb, link, ip, &head, sizeof(head))) return 0;
    key.remote[0] = ((const __u64*)&head.saddr)[0];
    key.remote[1] = ((const __u64*)&head.saddr)[1];
    key.local[0] = ((const __u64*)&head.daddr)[0];
    key.local[1] = ((const __u64*)&head.daddr)[1];
    length = bpf_ntohs(head.payload_len);
    if (length) length += ip + sizeof(head);
  }
  if (!length) length = skb->len - link;  // BIG TCP: more than the field can hold

  const __u32 sequence = bpf_ntohl(tcp.seq);
  if (tcp.syn) begin_connection(skb, &key, sequence + 1);
  const __u64 headers = transport + tcp.doff * 4;
  if (length > headers) count_payload(skb, &key, sequence + tcp.syn, length - headers);
  return 0;
}
