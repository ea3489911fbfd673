// SPDX-License-Identifier: MIT OR GPL-2.0-only
//
// Another project's program on the same hook: counts what reaches it and ends the hook with OK, as Cilium's
// does.
#include <bpf/bpf_helpers.h>
#include <linux/bpf.h>
#include <linux/pkt_cls.h>

char LICENSE[] SEC("license") = "Dual MIT/GPL";

__u64 packets = 0;

SEC("tc") int bystander(struct __sk_buff* skb) {
  (void)skb;
  __sync_fetch_and_add(&packets, 1);
  return TC_ACT_OK;
}
