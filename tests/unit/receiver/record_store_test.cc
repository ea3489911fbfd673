// SPDX-License-Identifier: MIT
#include "receiver/record_store.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "tests/unit/temporary_directory.h"

namespace paceline::receiver {
namespace {

const auto kClient = asio::ip::make_address("192.0.2.1");
const auto kOther = asio::ip::make_address("2001:db8::2");

ReceiverLimits room(std::uint64_t bytes, std::uint64_t of_client) {
  ReceiverLimits limits;
  limits.record_bytes = bytes;
  limits.client_record_bytes = of_client;
  return limits;
}

/// A file of the store whose writing end is closed with it.
struct Begun {
  Begun(RecordStore& store, const asio::ip::address& client, std::uint32_t flow_id = 1)
      : file(store.create(flow_id, client)), writing(file.output.descriptor) {}

  bool take(std::uint64_t bytes) const { return file.room->take(bytes); }

  RecordStore::File file;
  traffic::FileDescriptor writing;
};

std::string refusal_of(RecordStore& store, const asio::ip::address& client) {
  try {
    const Begun begun(store, client);
  } catch (const RecordStore::NoRoom& error) {
    return error.what();
  }
  return {};
}

void write_file(const std::filesystem::path& file, std::size_t bytes) {
  std::ofstream(file) << std::string(bytes, 'x');
}

TEST(RecordStore, AFileWithoutADirectoryHasNoNameAndIsReadWhereItIsWritten) {
  RecordStore store({}, {});
  const Begun begun(store, kClient);
  ASSERT_EQ(write(begun.writing.get(), "record", 6), 6);
  char text[6];
  ASSERT_EQ(pread(begun.file.reading.get(), text, sizeof text, 0), 6);
  EXPECT_EQ(std::string(text, 6), "record");
  struct stat status {};
  ASSERT_EQ(fstat(begun.file.reading.get(), &status), 0);
  EXPECT_EQ(status.st_nlink, 0u);
}

TEST(RecordStore, AllFilesShareTheRoomUntilNobodyHoldsThem) {
  RecordStore store({}, room(10'000, 10'000));
  Begun one(store, kClient), other(store, kOther);
  EXPECT_TRUE(one.take(6000));
  EXPECT_FALSE(other.take(5000));
  EXPECT_EQ(other.file.room->refusal(), "the receiver has room for 0.01 MB of records, its limit (record bytes)");
  EXPECT_TRUE(other.take(4000));
  one.file.output.allowance.reset();
  EXPECT_FALSE(other.take(1));  // it is still to be read
  one.file.room.reset();
  EXPECT_TRUE(other.take(6000));
  EXPECT_FALSE(other.take(1));
}

TEST(RecordStore, AClientHasItsShareAndOthersTheRest) {
  RecordStore store({}, room(20'000, 10'000));
  const Begun first(store, kClient), second(store, kClient), other(store, kOther);
  EXPECT_TRUE(first.take(7000));
  EXPECT_FALSE(second.take(4000));
  EXPECT_EQ(second.file.room->refusal(),
            "the receiver has room for 0.01 MB of one client's records, its limit (client record bytes)");
  EXPECT_EQ(refusal_of(store, kClient), second.file.room->refusal());
  EXPECT_TRUE(other.take(10'000));
}

TEST(RecordStore, AClientHasHalfUnlessToldOtherwise) {
  ReceiverLimits limits;
  EXPECT_EQ(RecordStore({}, limits).client_limit(), RecordStore({}, limits).limit() / 2);
  limits.record_bytes = 8000;
  EXPECT_EQ(RecordStore({}, limits).client_limit(), 4000u);
  limits.client_record_bytes = 50'000;
  EXPECT_EQ(RecordStore({}, limits).client_limit(), 8000u);
}

TEST(RecordStore, AFileInADirectoryTellsWhoseItIs) {
  const TemporaryDirectory directory;
  RecordStore store(directory.path(), {});
  const Begun begun(store, kClient, 0x1a2b), other(store, kOther, 7);
  std::vector<std::string> names;
  for (const auto& file : std::filesystem::directory_iterator(directory.path()))
    names.push_back(file.path().filename().string().substr(sizeof "20250131T120000Z"));
  std::sort(names.begin(), names.end());
  EXPECT_EQ(names, (std::vector<std::string>{"192.0.2.1-00001a2b.paceline", "2001_db8__2-00000007.paceline"}));
}

TEST(RecordStore, WhatIsInTheDirectoryCounts) {
  const TemporaryDirectory directory;
  write_file(directory.path() / "20250131T120000Z-192.0.2.1-00000001.paceline", 20'000);
  write_file(directory.path() / "of-an-older-version.paceline", 20'000);
  write_file(directory.path() / "notes.txt", 100'000);
  RecordStore store(directory.path(), room(100'000, 30'000));
  const Begun begun(store, kClient), other(store, kOther);
  EXPECT_TRUE(begun.take(5000));
  EXPECT_FALSE(begun.take(10'000));
  EXPECT_TRUE(other.take(30'000));
}

TEST(RecordStore, AnEndedRecordInTheDirectoryCountsUntilItIsGone) {
  const TemporaryDirectory directory;
  RecordStore store(directory.path(), room(100'000, 20'000));
  {
    const Begun begun(store, kClient);
    ASSERT_TRUE(begun.take(20'000));
    ASSERT_EQ(ftruncate(begun.writing.get(), 20'000), 0);
    EXPECT_NE(refusal_of(store, kClient), "");  // it counts once, by what it took
  }
  EXPECT_NE(refusal_of(store, kClient), "");
  EXPECT_EQ(refusal_of(store, kOther), "");
  for (const auto& file : std::filesystem::directory_iterator(directory.path())) std::filesystem::remove(file);
  EXPECT_EQ(refusal_of(store, kClient), "");
}

TEST(RecordStore, SaysWhatItTriedInADirectoryThatIsNotThere) {
  RecordStore store("/no/such/directory", {});
  EXPECT_THROW(
      {
        try {
          store.create(1, kClient);
        } catch (const FileError& error) {
          EXPECT_NE(std::string(error.what()).find("/no/such/directory/"), std::string::npos) << error.what();
          throw;
        }
      },
      FileError);
}

}  // namespace
}  // namespace paceline::receiver
