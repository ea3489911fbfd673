// SPDX-License-Identifier: MIT
#include "signalling/kept_current.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

#include "paceline/error.h"
#include "tests/unit/temporary_directory.h"

namespace paceline::signalling {
namespace {

using testing::AllOf;
using testing::HasSubstr;

class KeptCurrentTest : public testing::Test {
 protected:
  void write(const std::string& text) { std::ofstream(file_) << text; }

  std::shared_ptr<const std::string> read() const {
    std::ifstream in(file_);
    auto text = std::make_shared<std::string>(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>());
    if (text->empty()) throw FileError("nothing in it");
    return text;
  }

  /// As often as it takes to see that the files are at rest.
  std::optional<Reread> look() {
    EXPECT_FALSE(kept_.look());
    return kept_.look();
  }

  TemporaryDirectory directory_;
  std::filesystem::path file_ = directory_.path() / "words";
  const bool written_ = (write("first"), true);
  KeptCurrent<std::string> kept_{
      "the word", {file_}, [this] { return read(); }, [](const std::string& word) { return word; }};
};

TEST_F(KeptCurrentTest, IsReadAgainOnceTheFileHasChangedAndIsAtRest) {
  EXPECT_EQ(*kept_.now(), "first");
  EXPECT_FALSE(look());
  const auto held = kept_.now();
  write("half of a sec");
  EXPECT_FALSE(kept_.look());
  write("second, whole");
  const auto news = look();
  ASSERT_TRUE(news);
  EXPECT_FALSE(news->failed);
  EXPECT_THAT(news->text, HasSubstr("the word changed and was read again: second, whole"));
  EXPECT_EQ(*kept_.now(), "second, whole");
  EXPECT_EQ(*held, "first");  // of whoever holds it
  EXPECT_FALSE(look());
}

TEST_F(KeptCurrentTest, AFileThatCannotBeReadLeavesWhatStoodAndIsToldOnce) {
  write("");
  const auto news = look();
  ASSERT_TRUE(news);
  EXPECT_TRUE(news->failed);
  EXPECT_THAT(news->text, AllOf(HasSubstr("stays in force"), HasSubstr("nothing in it")));
  EXPECT_EQ(*kept_.now(), "first");
  EXPECT_FALSE(look());

  std::filesystem::remove(file_);
  EXPECT_TRUE(look()->failed);
  EXPECT_EQ(*kept_.now(), "first");
  write("back");
  EXPECT_FALSE(look()->failed);
  EXPECT_EQ(*kept_.now(), "back");
}

TEST_F(KeptCurrentTest, ALinkThatPointsElsewhereIsAChange) {  // as a Kubernetes Secret's files are replaced
  const auto link = directory_.path() / "link", other = directory_.path() / "other";
  std::ofstream(other) << "other";
  std::filesystem::create_symlink(file_, link);
  FileWatch watch({link});
  EXPECT_FALSE(watch.changed());
  std::filesystem::remove(link);
  std::filesystem::create_symlink(other, link);
  EXPECT_FALSE(watch.changed());
  EXPECT_TRUE(watch.changed());
  EXPECT_FALSE(watch.changed());
}

TEST(KeptCurrent, WithoutFilesWhatIsReadAtFirstStands) {
  KeptCurrent<int> kept(
      "the number", {}, [] { return std::make_shared<int>(7); }, [](int number) { return std::to_string(number); });
  EXPECT_FALSE(kept.look());
  EXPECT_EQ(*kept.now(), 7);
}

}  // namespace
}  // namespace paceline::signalling
