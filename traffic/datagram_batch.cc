// SPDX-License-Identifier: MIT
#include "traffic/datagram_batch.h"

#include <netinet/in.h>
#include <netinet/udp.h>

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <cstring>
#include <span>
#include <utility>

#include "proto/packet.h"

namespace paceline::traffic {

namespace {

constexpr std::size_t kSuperPacket = PacketFlowSpec::kMaxSize;    // bytes of payload: an IP packet is at most 64 KiB
constexpr std::size_t kMostSegments = PacketFlowSpec::kMaxBatch;  // UDP_MAX_SEGMENTS since Linux 6.9
constexpr std::size_t kSegmentsBefore = 64;                       // and before
constexpr std::size_t kBatchBytes = 256 * 1024;                   // stays in a core's second-level cache

constexpr int kFlags = MSG_DONTWAIT | MSG_NOSIGNAL;

// What the kernel says when it can't segment: too many segments, one larger than the MTU (EINVAL, now EMSGSIZE), no
// checksum offload on the way (EIO), a kernel before 4.18.
bool refuses_segmentation(int error) {
  return error == EINVAL || error == EMSGSIZE || error == EIO || error == EOPNOTSUPP;
}

}  // namespace

std::size_t DatagramBatch::worthwhile(Batching batching, std::uint32_t size) {
  switch (batching) {
    case Batching::single: return 1;
    case Batching::several: return std::clamp<std::size_t>(kBatchBytes / size, 1, PacketFlowSpec::kMaxBatch);
    case Batching::offload: return std::clamp<std::size_t>(kSuperPacket / size, 1, kMostSegments);
  }
  return 1;
}

DatagramBatch::DatagramBatch(int socket, std::uint32_t flow_id, std::uint32_t size, Batching batching,
                             std::size_t capacity, std::shared_ptr<const PayloadBytes> payload, Envelope* envelope)
    : socket_(socket),
      flow_id_(flow_id),
      size_(size),
      batching_(batching),
      capacity_(capacity),
      envelope_(envelope),
      head_(envelope ? envelope->head() : 0),
      payload_(std::move(payload)) {
  assert(envelope == nullptr || batching == Batching::single);
  assert(capacity >= 1 && capacity <= (batching == Batching::single ? 1 : PacketFlowSpec::kMaxBatch));
  bytes_.resize(head_ + capacity * size_);
  sizes_.resize(capacity, size);
  vectors_.resize(capacity);
  messages_.resize(capacity);
  cmsghdr header{};
  header.cmsg_level = SOL_UDP;
  header.cmsg_type = UDP_SEGMENT;
  header.cmsg_len = CMSG_LEN(sizeof(std::uint16_t));
  const auto segment = static_cast<std::uint16_t>(size_);
  std::memcpy(segment_size_.bytes, &header, sizeof header);
  std::memcpy(segment_size_.bytes + CMSG_LEN(0), &segment, sizeof segment);
  lay_out(batching == Batching::offload ? std::min(worthwhile(batching, size), capacity) : 1);
}

// A message for each `segments` datagrams.
void DatagramBatch::lay_out(std::size_t segments) {
  segments_ = segments;
  for (std::size_t i = 0; i * segments < capacity_; ++i) {
    vectors_[i] = {bytes_.data() + head_ + i * segments * size_, segments * size_};
    msghdr& header = messages_[i].msg_hdr;
    header = {};
    header.msg_iov = &vectors_[i];
    header.msg_iovlen = 1;
    if (batching_ != Batching::offload) continue;
    header.msg_control = segment_size_.bytes;
    header.msg_controllen = sizeof segment_size_.bytes;
  }
}

// From now on each datagram is a message.
void DatagramBatch::travel_alone() {
  batching_ = Batching::several;
  lay_out(1);
}

void DatagramBatch::write(std::size_t index, std::uint32_t size, std::uint64_t sequence, SenderTime now,
                          std::int64_t lateness_ns) {
  assert(index < capacity_ && size >= packet::kHeaderSize && size <= size_);
  if (batching_ == Batching::offload && size != size_) travel_alone();
  sizes_[index] = size;
  const std::span datagram = std::span(bytes_).subspan(head_ + index * size_, size);
  packet::encode({packet::Type::data, flow_id_, static_cast<std::uint32_t>(sequence),
                  static_cast<std::uint64_t>(now.time_since_epoch().count()), packet::encode_lateness(lateness_ns)},
                 datagram);
  if (payload_) payload_->write(sequence, size_ - packet::kHeaderSize, datagram.subspan(packet::kHeaderSize));
  if (envelope_) envelope_->seal(std::span(bytes_).first(head_ + size), sequence);
}

DatagramBatch::Handed DatagramBatch::send(std::size_t count) {
  assert(count >= 1 && count <= capacity_);
  if (batching_ == Batching::single)
    return ::send(socket_, bytes_.data(), head_ + sizes_[0], kFlags) < 0 ? Handed{0, errno} : Handed{1, 0};
  Handed handed = send_messages(count);
  while (batching_ == Batching::offload && refuses_segmentation(handed.error)) {
    if (segments_ > kSegmentsBefore)
      lay_out(kSegmentsBefore);
    else
      travel_alone();
    handed = send_messages(count);
  }
  return handed;
}

DatagramBatch::Handed DatagramBatch::send_messages(std::size_t count) {
  if (batching_ == Batching::several) {
    for (std::size_t i = 0; i < count; ++i) vectors_[i].iov_len = sizes_[i];
    const int sent = sendmmsg(socket_, messages_.data(), static_cast<unsigned>(count), kFlags);
    return sent < 0 ? Handed{0, errno} : Handed{static_cast<std::size_t>(sent), 0};
  }
  const std::size_t messages = (count + segments_ - 1) / segments_;
  iovec& last = vectors_[messages - 1];
  const std::size_t whole = last.iov_len;
  last.iov_len = (count - (messages - 1) * segments_) * size_;
  const int sent = sendmmsg(socket_, messages_.data(), static_cast<unsigned>(messages), kFlags);
  last.iov_len = whole;
  if (sent < 0) return {0, errno};
  return {std::min(static_cast<std::size_t>(sent) * segments_, count), 0};
}

}  // namespace paceline::traffic
