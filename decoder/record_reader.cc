// SPDX-License-Identifier: MIT
#include "decoder/record_reader.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "decoder/plural.h"
#include "paceline/error.h"
#include "proto/convert.h"

namespace paceline::decoder {

namespace {

constexpr std::size_t kBuffer = std::size_t{2} << 20;
static_assert(kBuffer >= record::kOldBlockHeaderSize + record::kMaxPayload);
constexpr std::size_t kMaxNotes = 100;

std::unique_ptr<std::uint8_t[]> new_buffer() { return std::make_unique_for_overwrite<std::uint8_t[]>(kBuffer); }

FlowStart from_wire(const wire::RecordHead& head) {
  FlowStart start;
  start.flow_id = head.flow_id();
  start.spec = wire::from_wire(head.spec());
  start.map.offset = nanoseconds{head.clock_offset()};
  start.start = SenderTime{nanoseconds{head.start()}};
  start.hook = wire::from_wire(head.hook());
  return start;
}

}  // namespace

RecordReader::RecordReader(const std::filesystem::path& file) : name_(file), buffer_(new_buffer()) {
  descriptor_ = open(file.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor_ < 0) throw FileError("open record file " + name_ + ": " + std::strerror(errno));
  try {
    read_head();
  } catch (...) {
    close(descriptor_);
    throw;
  }
}

RecordReader::RecordReader(record::Bytes bytes) : name_("memory"), rest_(bytes), buffer_(new_buffer()) { read_head(); }

RecordReader::~RecordReader() {
  if (descriptor_ >= 0) close(descriptor_);
}

void RecordReader::read_head() {
  const auto fail = [&](const std::string& why) { throw FileError("read record file " + name_ + ": " + why); };
  if (!fill(record::kPreambleSize)) fail(damage_.empty() ? "it is too short to be one" : damage_.back());
  const record::Preamble preamble = record::decode_preamble(buffered().first(record::kPreambleSize));
  if (!preamble.error.empty()) fail(preamble.error);
  const std::size_t size = record::kPreambleSize + preamble.head_size + record::kChecksumSize;
  if (!fill(size)) fail("it ends within its head");
  if (!record::head_intact(buffered().first(size))) fail("its head is damaged");
  version_ = preamble.version;
  if (version_ > 1) mark_ = record::file_mark(buffered().first(size));
  wire::RecordHead head;
  const auto text = buffered().subspan(record::kPreambleSize, preamble.head_size);
  if (!head.ParseFromArray(text.data(), static_cast<int>(text.size()))) fail("its head is no RecordHead");
  try {
    start_ = from_wire(head);
  } catch (const wire::WireError& error) {
    fail(std::string("its head makes no sense: ") + error.what());
  }
  created_ = nanoseconds{head.created()};
  consume(size);
}

std::optional<RecordReader::Block> RecordReader::next() {
  const std::size_t header_size = record::block_header_size(version_);
  while (!joined_ && fill(header_size)) {
    const auto header = record::decode_block_header(version_, buffered().first(header_size));
    if (!header) {
      if (another_file_begins()) break;
      skip_to_marker("no undamaged block begins here");
      continue;
    }
    if (damaged_from_) {
      note_damage(*damaged_from_, damaged_why_ + "; went on at offset " + std::to_string(offset_));
      damaged_from_.reset();
    }
    const std::size_t size = header_size + header->payload_size;
    if (!fill(size)) return std::nullopt;
    const std::uint64_t offset = offset_;
    const auto block = buffered().first(size);
    if (!record::payload_intact(version_, block.first(header_size), block.subspan(header_size))) {
      skip_to_marker("a block of " + plural(header->records(), "record") + " fails its checksum");
      continue;
    }
    consume(size);
    const bool follows = header->ordinal == next_ordinal_;
    if (!in_sequence(*header, offset)) continue;
    if (header->kind == record::Kind::tail) {
      read_tail(block.subspan(header_size), offset);
    } else {
      return Block{*header, block, offset, follows};
    }
  }
  if (joined_ || (size_ >= record::kMagic.size() && another_file_begins())) note_joined();
  return std::nullopt;
}

// Whether the block is new; notes what is missing before it.
bool RecordReader::in_sequence(const record::BlockHeader& header, std::uint64_t offset) {
  if (header.file != mark_) {
    note_damage(offset, "a block of another record file; left out");
    return false;
  }
  if (header.ordinal < next_ordinal_ || end_) {
    note_damage(offset, "block " + std::to_string(header.ordinal) + " is out of place; left out");
    return false;
  }
  if (const std::uint32_t missing = header.ordinal - next_ordinal_; missing > 0)
    note_damage(offset, plural(missing, "block") + (missing == 1 ? " is" : " are") + " missing before this one");
  next_ordinal_ = header.ordinal + 1;
  return true;
}

void RecordReader::read_tail(record::Bytes payload, std::uint64_t offset) {
  wire::RecordTail tail;
  if (!tail.ParseFromArray(payload.data(), static_cast<int>(payload.size()))) {
    note_damage(offset, "the last block is no RecordTail");
    return;
  }
  try {
    end_ = RecordEnd{wire::from_wire(tail.result()), ReceiverTime{nanoseconds{tail.finished()}}, tail.lost_records()};
  } catch (const wire::WireError& error) {
    note_damage(offset, std::string("the last block makes no sense: ") + error.what());
  }
}

bool RecordReader::another_file_begins() const {
  return size_ >= record::kMagic.size() && std::ranges::equal(buffered().first(record::kMagic.size()), record::kMagic);
}

void RecordReader::note_joined() {
  if (std::exchange(joined_, true)) return;
  if (damaged_from_) note_damage(*damaged_from_, damaged_why_);
  damaged_from_.reset();
  note_damage(offset_, "another record file begins here: files were joined; from here on nothing is read");
}

// Passes over at least one byte, up to where a block, or another file, may begin.
void RecordReader::skip_to_marker(const std::string& why) {
  if (!damaged_from_) {
    damaged_from_ = offset_;
    damaged_why_ = why;
  }
  const auto bytes = buffered();
  const auto find = [&](const auto& what) {
    return std::search(bytes.begin() + 1, bytes.end(), what.begin(), what.end());
  };
  const auto found = std::min(find(record::kMarker), find(record::kMagic));
  static_assert(record::kMarker.size() == record::kMagic.size());
  const auto kept = static_cast<std::ptrdiff_t>(record::kMarker.size()) - 1;  // one may have begun
  consume(static_cast<std::size_t>(
      std::max<std::ptrdiff_t>(1, found != bytes.end() ? found - bytes.begin() : std::ssize(bytes) - kept)));
}

void RecordReader::note_damage(std::uint64_t offset, const std::string& what) {
  if (++damage_count_ <= kMaxNotes) damage_.push_back("offset " + std::to_string(offset) + ": " + what);
}

std::uint64_t RecordReader::unread_bytes() const { return damaged_from_ || joined_ ? 0 : size_; }

std::vector<std::string> RecordReader::damage() const {
  std::vector<std::string> all = damage_;
  if (damaged_from_)
    all.push_back("offset " + std::to_string(*damaged_from_) + ": " + damaged_why_ + ", nor later in the file");
  if (damage_count_ > kMaxNotes) all.push_back("and " + std::to_string(damage_count_ - kMaxNotes) + " more");
  return all;
}

record::Bytes RecordReader::buffered() const { return {buffer_.get() + begin_, size_}; }

void RecordReader::consume(std::size_t bytes) {
  begin_ += bytes;
  size_ -= bytes;
  offset_ += bytes;
}

// Whether that many bytes lie in the buffer; reads more if they do not.
bool RecordReader::fill(std::size_t wanted) {
  while (size_ < wanted) {
    if (begin_ + wanted > kBuffer) {
      std::memmove(buffer_.get(), buffer_.get() + begin_, size_);
      begin_ = 0;
    }
    std::uint8_t* const to = buffer_.get() + begin_ + size_;
    const std::size_t room = kBuffer - begin_ - size_;
    if (descriptor_ < 0) {
      const std::size_t taken = std::min(room, rest_.size());
      if (taken == 0) return false;
      std::copy_n(rest_.data(), taken, to);
      rest_ = rest_.subspan(taken);
      size_ += taken;
      continue;
    }
    const ssize_t got = read(descriptor_, to, room);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) note_damage(offset_ + size_, std::string("read: ") + std::strerror(errno));
    if (got <= 0) return false;
    size_ += static_cast<std::size_t>(got);
  }
  return true;
}

}  // namespace paceline::decoder
