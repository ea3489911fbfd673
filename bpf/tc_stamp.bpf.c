// SPDX-License-Identifier: MIT OR GPL-2.0-only
//
// TC ingress: counts every packet for the receiver's ports, gives datagrams their time of arrival, which they bring to
// userspace as their SCM_TIMESTAMPING message, and follows TCP connections (tcp_streams.bpf.h). Only observes: whatever
// the packet is, the next program runs.
//
// Loads on Linux 5.4 and later, with CAP_BPF and CAP_NET_ADMIN alone where the kernel's verifier allows it:
//  - nothing but the stable struct __sk_buff, so no kernel type information is needed;
//  - the packet is read at constant offsets or by the kernel's helpers, never pulled or linearized;
//  - what the program itself stores on its stack is 8 bytes wide (Linux 6.1 without CAP_PERFMON wants that);
//  - loops are unrolled.
#include "tc_stamp.h"

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/pkt_cls.h>
#include <linux/udp.h>

#include "packet.bpf.h"
#include "tcp_streams.bpf.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct paceline_tc_ports);
} ports SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct paceline_tc_counts);
} counts SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_HASH);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __uint(max_entries, PACELINE_TC_FLOWS);
  __type(key, __u32);
  __type(value, struct paceline_tc_count);
} flows SEC(".maps");

enum {
  VLAN_TAG_SIZE = 4,
  FRAGMENT = 0x3fff,  // more fragments, or an offset
  IPV6_EXTENSIONS = 3,
};

// Linux 6.1's verifier does not bound the result of a byte swap; the barrier keeps the compiler from dropping
// the mask.
static __always_inline __u64 port_index(__be16 port) {
  __u64 index = bpf_ntohs(port);
  asm volatile("%0 &= 0xffff" : "+r"(index));
  return index;
}

static __always_inline void add(struct __sk_buff* skb, struct paceline_tc_count* count) {
  __u64 segments = skb->gso_segs;
  count->packets += segments ? segments : 1;
  count->bytes += skb->len;
  count->skbs += 1;
}

static __always_inline void count_port(struct __sk_buff* skb, __u64 slot) {
  __u64 zero = 0;
  struct paceline_tc_counts* all = bpf_map_lookup_elem(&counts, &zero);
  if (all) add(skb, &all->slot[slot & (PACELINE_TC_SLOTS - 1)]);
}

// By the head that proto/packet.h writes, of its first datagram when this is a super-packet.
static __noinline int count_flow(struct __sk_buff* skb, __u64 link, __u64 transport) {
  enum { MARK = 0xD, ID = 2 };
  __u8 head[8];
  if (load(skb, link, transport + sizeof(struct udphdr), head, sizeof(head))) return 0;
  if (head[0] >> 4 != MARK) return 0;
  struct paceline_tc_count* own = bpf_map_lookup_elem(&flows, head + ID);
  if (own) add(skb, own);
  return 0;
}

// The clock is read only for packets of ours. The value must be monotonic: a realtime one would make an fq qdisc drop a
// packet that is forwarded. `link`, `ip` and `transport` as follow_tcp() takes them.
static __always_inline void take_if_ours(struct __sk_buff* skb, __u8 protocol, __be16 destination, __u64 link,
                                         __u64 version, __u64 ip, __u64 transport) {
  __u64 zero = 0;
  const struct paceline_tc_ports* slots = bpf_map_lookup_elem(&ports, &zero);
  if (!slots) return;
  if (protocol == IPPROTO_UDP) {
    __u64 slot = slots->udp[port_index(destination)];
    if (slot == PACELINE_TC_NOT_OURS) return;
    skb->tstamp = bpf_ktime_get_ns();
    count_port(skb, slot);
    if (slot & PACELINE_TC_PER_FLOW) count_flow(skb, link, transport);
  } else {
    __u64 slot = slots->tcp[port_index(destination)];
    if (slot == PACELINE_TC_NOT_OURS) return;
    count_port(skb, slot);
    follow_tcp(skb, link, version, ip, transport);
  }
}

static __always_inline int is_transport(__u8 protocol) { return protocol == IPPROTO_UDP || protocol == IPPROTO_TCP; }

// From the network header on, wherever the device puts it: any link type, IP options, extension headers, one VLAN tag
// in band (the kernel takes the outer one off before TC), headers outside the linear part of the skb.
static __always_inline void general_path(struct __sk_buff* skb, __u64 link) {
  __u64 offset = 0;
  __be16 type = skb->protocol;
  if (type == bpf_htons(ETH_P_8021Q) || type == bpf_htons(ETH_P_8021AD)) {
    struct {
      __be16 tag, type;
    } vlan;
    if (load(skb, link, offset, &vlan, sizeof(vlan))) return;
    type = vlan.type;
    offset += VLAN_TAG_SIZE;
  }

  const __u64 network = offset;
  __u64 version = 4;
  __u8 protocol;
  if (type == bpf_htons(ETH_P_IP)) {
    struct iphdr ip;
    if (load(skb, link, offset, &ip, sizeof(ip))) return;
    // A reassembled datagram has lost its fragments' stamps: leave all of them without, userspace sees that.
    if (ip.version != 4 || ip.ihl < 5 || ip.frag_off & bpf_htons(FRAGMENT)) return;
    protocol = ip.protocol;
    offset += ip.ihl * 4;
  } else if (type == bpf_htons(ETH_P_IPV6)) {
    struct ipv6hdr ip;
    if (load(skb, link, offset, &ip, sizeof(ip))) return;
    if (ip.version != 6) return;
    version = 6;
    protocol = ip.nexthdr;
    offset += sizeof(ip);
#pragma unroll
    for (int i = 0; i < IPV6_EXTENSIONS; i++) {
      if (protocol != IPPROTO_HOPOPTS && protocol != IPPROTO_ROUTING && protocol != IPPROTO_DSTOPTS) break;
      struct {
        __u8 next, length;
      } extension;
      if (load(skb, link, offset, &extension, sizeof(extension))) return;
      protocol = extension.next;
      offset += (extension.length + 1) * 8;
    }
  } else {
    return;
  }

  if (!is_transport(protocol)) return;
  struct {
    __be16 source, destination;
  } transport;
  if (load(skb, link, offset, &transport, sizeof(transport))) return;
  take_if_ours(skb, protocol, transport.destination, link, version, network, offset);
}

// Reads the common cases directly, which is what most packets cost: Ethernet, no VLAN tag in band, no IP
// options, no extension headers. Says whether that settled the packet.
static __always_inline int direct_path(struct __sk_buff* skb) {
  const void* end = (const void*)(long)skb->data_end;
  const struct ethhdr* ether = (const void*)(long)skb->data;
  const void* network = ether + 1;
  if (network + sizeof(struct iphdr) + sizeof(struct udphdr) > end) return 0;

  if (ether->h_proto == bpf_htons(ETH_P_IP)) {
    const struct iphdr* ip = network;
    if (ip->version != 4 || ip->ihl != 5) return 0;
    if (!is_transport(ip->protocol) || ip->frag_off & bpf_htons(FRAGMENT)) return 1;
    take_if_ours(skb, ip->protocol, ((const struct udphdr*)(ip + 1))->dest, ETH_HLEN, 4, 0, sizeof(*ip));
    return 1;
  }
  if (ether->h_proto == bpf_htons(ETH_P_IPV6)) {
    const struct ipv6hdr* ip = network;
    if ((const void*)(ip + 1) + sizeof(struct udphdr) > end) return 0;
    if (ip->version != 6 || !is_transport(ip->nexthdr)) return 0;
    take_if_ours(skb, ip->nexthdr, ((const struct udphdr*)(ip + 1))->dest, ETH_HLEN, 6, 0, sizeof(*ip));
    return 1;
  }
  return ether->h_proto != bpf_htons(ETH_P_8021Q) && ether->h_proto != bpf_htons(ETH_P_8021AD);
}

// Devices that deliver an Ethernet header.
SEC("tc") int paceline_ether(struct __sk_buff* skb) {
  if (!direct_path(skb)) general_path(skb, ETH_HLEN);
  return TC_ACT_UNSPEC;
}

// Every other device (tun, IP tunnels, WireGuard, PPP, InfiniBand): what precedes the network header varies. Those that
// could carry BIG TCP have nothing there.
SEC("tc") int paceline_other(struct __sk_buff* skb) {
  general_path(skb, 0);
  return TC_ACT_UNSPEC;
}
