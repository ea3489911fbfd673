// SPDX-License-Identifier: MIT OR GPL-2.0-only
//
// Part of the TC program: reading the packet.
#pragma once

#include <bpf/bpf_helpers.h>
#include <linux/bpf.h>

// `offset`: from the network header on, wherever the device puts that; not 0 when the packet ends before. Counted so,
// the kernel gives only what is in the skb's linear part; what is beyond (a super-packet's payload) it gives counted
// from the packet's start, which is the link header, of `link` bytes.
static __always_inline long load(struct __sk_buff* skb, __u64 link, __u64 offset, void* to, __u64 size) {
  if (!bpf_skb_load_bytes_relative(skb, offset, to, size, BPF_HDR_START_NET)) return 0;
  return bpf_skb_load_bytes(skb, link + offset, to, size);
}
