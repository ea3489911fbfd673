// SPDX-License-Identifier: MIT
#include "receiver/record_store.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>

namespace paceline::receiver {
namespace {

TEST(RecordStore, AFileHasNoNameAndIsReadWhereItIsWritten) {
  const RecordStore store(1000);
  RecordStore::File file = store.create();
  const traffic::FileDescriptor writing(file.output.descriptor);
  ASSERT_EQ(write(writing.get(), "record", 6), 6);
  char text[6];
  ASSERT_EQ(pread(file.reading.get(), text, sizeof text, 0), 6);
  EXPECT_EQ(std::string(text, 6), "record");
  struct stat status {};
  ASSERT_EQ(fstat(file.reading.get(), &status), 0);
  EXPECT_EQ(status.st_nlink, 0u);
}

TEST(RecordStore, AllFilesShareTheRoomUntilNobodyHoldsThem) {
  const RecordStore store(1000);
  RecordStore::File one = store.create();
  RecordStore::File other = store.create();
  const traffic::FileDescriptor writing_one(one.output.descriptor);
  const traffic::FileDescriptor writing_other(other.output.descriptor);
  EXPECT_TRUE(one.output.allowance->take(600));
  EXPECT_FALSE(other.output.allowance->take(500));
  EXPECT_TRUE(other.output.allowance->take(400));
  one.output.allowance.reset();
  EXPECT_FALSE(other.output.allowance->take(1));  // it is still to be read
  one.room.reset();
  EXPECT_TRUE(other.output.allowance->take(600));
  EXPECT_FALSE(other.output.allowance->take(1));
}

}  // namespace
}  // namespace paceline::receiver
