// SPDX-License-Identifier: MIT OR GPL-2.0-only
//
// TC ingress: gives every packet for the receiver's data ports its time of arrival, which the datagram brings
// to userspace as its SCM_TIMESTAMPING message, and counts it. Only observes: whatever the packet is, the
// next program runs.
//
// Loads on Linux 5.4 and later, with CAP_BPF and CAP_NET_ADMIN alone where the kernel's verifier allows it:
//  - nothing but the stable struct __sk_buff, so no kernel type information is needed;
//  - the packet is read at constant offsets or through bpf_skb_load_bytes_relative, never pulled or
//  linearized;
//  - what the program itself stores on its stack is 8 bytes wide (without CAP_PERFMON, Linux 6.1 rejects
//  narrower
//    stores over a spilled register).
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

static __always_inline void count(struct __sk_buff* skb, __u64 slot) {
  __u64 zero = 0;
  struct paceline_tc_counts* all = bpf_map_lookup_elem(&counts, &zero);
  if (!all) return;
  struct paceline_tc_count* own = &all->slot[slot & (PACELINE_TC_SLOTS - 1)];
  __u64 segments = skb->gso_segs;
  own->packets += segments ? segments : 1;
  own->bytes += skb->len;
  own->skbs += 1;
}

// The clock is read only here, for packets of ours. The value must be monotonic: a realtime one would make an
// fq qdisc drop a packet that is forwarded.
static __always_inline void stamp_if_ours(struct __sk_buff* skb, __u8 protocol, __be16 destination) {
  __u64 zero = 0;
  const struct paceline_tc_ports* slots = bpf_map_lookup_elem(&ports, &zero);
  if (!slots) return;
  __u64 slot = PACELINE_TC_NOT_OURS;
  if (protocol == IPPROTO_UDP) slot = slots->udp[port_index(destination)];
  if (protocol == IPPROTO_TCP) slot = slots->tcp[port_index(destination)];
  if (slot == PACELINE_TC_NOT_OURS) return;
  skb->tstamp = bpf_ktime_get_ns();
  count(skb, slot);
}

static __always_inline int is_transport(__u8 protocol) { return protocol == IPPROTO_UDP || protocol == IPPROTO_TCP; }

// From the network header on, wherever the device puts it: any link type, IP options, extension headers, one
// VLAN tag in band (the kernel takes the outer one off before TC), headers outside the linear part of the
// skb.
static __always_inline void general_path(struct __sk_buff* skb) {
  __u32 offset = 0;
  __be16 type = skb->protocol;
  if (type == bpf_htons(ETH_P_8021Q) || type == bpf_htons(ETH_P_8021AD)) {
    struct {
      __be16 tag, type;
    } vlan;
    if (bpf_skb_load_bytes_relative(skb, offset, &vlan, sizeof(vlan), BPF_HDR_START_NET)) return;
    type = vlan.type;
    offset += VLAN_TAG_SIZE;
  }

  __u8 protocol;
  if (type == bpf_htons(ETH_P_IP)) {
    struct iphdr ip;
    if (bpf_skb_load_bytes_relative(skb, offset, &ip, sizeof(ip), BPF_HDR_START_NET)) return;
    // A reassembled datagram has lost its fragments' stamps: leave all of them without, userspace sees that.
    if (ip.version != 4 || ip.ihl < 5 || ip.frag_off & bpf_htons(FRAGMENT)) return;
    protocol = ip.protocol;
    offset += ip.ihl * 4;
  } else if (type == bpf_htons(ETH_P_IPV6)) {
    struct ipv6hdr ip;
    if (bpf_skb_load_bytes_relative(skb, offset, &ip, sizeof(ip), BPF_HDR_START_NET)) return;
    if (ip.version != 6) return;
    protocol = ip.nexthdr;
    offset += sizeof(ip);
#pragma unroll
    for (int i = 0; i < IPV6_EXTENSIONS; i++) {
      if (protocol != IPPROTO_HOPOPTS && protocol != IPPROTO_ROUTING && protocol != IPPROTO_DSTOPTS) break;
      struct {
        __u8 next, length;
      } extension;
      if (bpf_skb_load_bytes_relative(skb, offset, &extension, sizeof(extension), BPF_HDR_START_NET)) return;
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
  if (bpf_skb_load_bytes_relative(skb, offset, &transport, sizeof(transport), BPF_HDR_START_NET)) return;
  stamp_if_ours(skb, protocol, transport.destination);
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
    stamp_if_ours(skb, ip->protocol, ((const struct udphdr*)(ip + 1))->dest);
    return 1;
  }
  if (ether->h_proto == bpf_htons(ETH_P_IPV6)) {
    const struct ipv6hdr* ip = network;
    if ((const void*)(ip + 1) + sizeof(struct udphdr) > end) return 0;
    if (ip->version != 6 || !is_transport(ip->nexthdr)) return 0;
    stamp_if_ours(skb, ip->nexthdr, ((const struct udphdr*)(ip + 1))->dest);
    return 1;
  }
  return ether->h_proto != bpf_htons(ETH_P_8021Q) && ether->h_proto != bpf_htons(ETH_P_8021AD);
}

// Devices that deliver an Ethernet header.
SEC("tc") int paceline_ether(struct __sk_buff* skb) {
  if (!direct_path(skb)) general_path(skb);
  return TC_ACT_UNSPEC;
}

// Every other device (tun, IP tunnels, WireGuard, PPP, InfiniBand): what precedes the network header varies.
SEC("tc") int paceline_other(struct __sk_buff* skb) {
  general_path(skb);
  return TC_ACT_UNSPEC;
}
