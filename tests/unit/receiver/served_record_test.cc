// SPDX-License-Identifier: MIT
#include "receiver/served_record.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <asio/io_context.hpp>
#include <vector>

namespace paceline::receiver {
namespace {

using testing::HasSubstr;

constexpr std::uint32_t kFlow = 7;

class ServedRecordTest : public testing::Test {
 protected:
  static traffic::FileDescriptor file_of(const std::string& bytes) {
    traffic::FileDescriptor file(memfd_create("test", MFD_CLOEXEC));
    EXPECT_EQ(write(file.get(), bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
    return file;
  }

  /// What was sent until so many messages were.
  const std::vector<wire::Message>& sent(std::size_t messages) {
    while (sent_.size() < messages && io_.run_one_for(std::chrono::seconds(20)) > 0) {
    }
    EXPECT_EQ(sent_.size(), messages);
    return sent_;
  }

  asio::io_context io_{1};
  asio::executor_work_guard<asio::io_context::executor_type> work_ = asio::make_work_guard(io_);
  asio::thread_pool files_{1};
  std::vector<wire::Message> sent_;
  std::shared_ptr<ServedRecord> record_ = std::make_shared<ServedRecord>(
      io_.get_executor(), files_, kFlow, [this](const wire::Message& message) { sent_.push_back(message); });
};

TEST_F(ServedRecordTest, ComesInOrderAndEndsWithItsChecksum) {
  const std::string bytes = std::string(5, 'a') + std::string(5, 'b') + "c";
  ASSERT_TRUE(record_->read(5));  // waits for the file
  record_->whole(file_of(bytes), nullptr, "a warning");
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(record_->read(5));
  std::string came;
  for (const wire::Message& message : sent(4)) {
    EXPECT_EQ(message.record_part().flow_id(), kFlow);
    EXPECT_EQ(message.record_part().offset(), came.size());
    EXPECT_EQ(message.record_part().size(), bytes.size());
    came += message.record_part().data();
  }
  EXPECT_EQ(came, bytes);
  wire::RunningChecksum checksum;
  checksum.add(bytes);
  EXPECT_EQ(sent_.back().record_part().checksum(), checksum.value());
  EXPECT_EQ(sent_.back().record_part().warning(), "a warning");
}

TEST_F(ServedRecordTest, APieceIsNoLargerThanTheReceiverAllows) {
  record_->whole(file_of(std::string(2 * ServedRecord::kMostPart, 'x')), nullptr, "");
  record_->read(0xFFFFFFFF);
  EXPECT_EQ(sent(1).front().record_part().data().size(), ServedRecord::kMostPart);
}

TEST_F(ServedRecordTest, TooManyRequestsAtOnceAreNotTaken) {
  for (std::size_t i = 0; i < ServedRecord::kMostAsked; ++i) EXPECT_TRUE(record_->read(1));
  EXPECT_FALSE(record_->read(1));
}

TEST_F(ServedRecordTest, WhatIsNotThereIsRefusedWithTheReason) {
  record_->read(1);
  record_->none("the disk is full");
  ASSERT_TRUE(sent(1).front().has_refused());
  EXPECT_EQ(sent_.front().refused().flow_id(), kFlow);
  EXPECT_EQ(sent_.front().refused().reason(), "the disk is full");
}

TEST_F(ServedRecordTest, AFlowThatNeverRanHasNone) {
  record_->flow_over();
  record_->read(1);
  EXPECT_THAT(sent(1).front().refused().reason(), HasSubstr("did not run"));
}

TEST_F(ServedRecordTest, AFlowThatIsOverMayStillBeWritingIt) {
  record_->coming();
  record_->flow_over();
  record_->read(1);
  record_->whole(file_of("x"), nullptr, "");
  EXPECT_EQ(sent(1).front().record_part().data(), "x");
}

TEST_F(ServedRecordTest, AFileThatBecameShorterIsSaidSo) {
  traffic::FileDescriptor file = file_of("0123456789");
  const traffic::FileDescriptor same(dup(file.get()));
  record_->whole(std::move(file), nullptr, "");
  ASSERT_EQ(ftruncate(same.get(), 4), 0);
  record_->read(10);
  EXPECT_THAT(sent(1).front().refused().reason(), HasSubstr("at byte 4: it became shorter"));
}

}  // namespace
}  // namespace paceline::receiver
