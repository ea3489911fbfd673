// SPDX-License-Identifier: MIT
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "paceline/error.h"
#include "paceline/key.h"

namespace paceline {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

const std::string kHex = "000102030405060708090a0b0c0d0e0f";
const std::string kBytes("\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f", 16);

std::string refusal(const std::string& text) {
  try {
    parse_keys(text, "keys");
  } catch (const UsageError& error) {
    return error.what();
  }
  return "";
}

TEST(Keys, AreNamesAndSecretsInHexadecimalOrBase64) {
  const auto keys = parse_keys("# of the lab\n\n old " + kHex +
                                   "\nnew.2\tAAECAwQFBgcICQoLDA0ODw==\r\n  bare_64 "
                                   "AAECAwQFBgcICQoLDA0ODw\nlong-1 AAECAwQFBgcICQoLDA0ODxAR",
                               "keys");
  ASSERT_EQ(keys.size(), 4u);
  EXPECT_EQ(keys[0], (Key{"old", kBytes}));
  EXPECT_EQ(keys[1], (Key{"new.2", kBytes}));
  EXPECT_EQ(keys[2], (Key{"bare_64", kBytes}));
  EXPECT_EQ(keys[3], (Key{"long-1", kBytes + "\x10\x11"}));
}

TEST(Keys, ErrorsTellTheLineButNoSecret) {
  const std::string good = "a " + kHex + "\n";
  EXPECT_THAT(refusal(good + "b 0011223344"),
              AllOf(HasSubstr("keys:2"), HasSubstr("5 bytes"), Not(HasSubstr("00112"))));
  EXPECT_THAT(refusal(good + "b"), AllOf(HasSubstr("keys:2"), HasSubstr("no secret")));
  EXPECT_THAT(refusal(good + "b not*base64*at*all*really!"),
              AllOf(HasSubstr("keys:2"), HasSubstr("neither"), Not(HasSubstr("not*base64"))));
  EXPECT_THAT(refusal(good + "b AAECAwQFBgcICQoLDA0ODw==="), HasSubstr("neither"));
  EXPECT_THAT(refusal(good + "b AAECAwQF=gcICQoLDA0ODw=="), HasSubstr("neither"));
  EXPECT_THAT(refusal(good + "b AAECAwQFBgcICQoLDA0ODxA11"), HasSubstr("neither"));
  EXPECT_THAT(refusal("a/b " + kHex), HasSubstr("name"));
  EXPECT_THAT(refusal(std::string(65, 'a') + " " + kHex), HasSubstr("name"));
  EXPECT_THAT(refusal("a " + kHex + " more"), HasSubstr("more than NAME SECRET"));
  EXPECT_THAT(refusal(good + "c " + kHex + "\n" + good), AllOf(HasSubstr("keys:3"), HasSubstr("second key 'a'")));
  EXPECT_THAT(refusal("# nothing\n"), HasSubstr("no key"));
  EXPECT_THAT(refusal("a " + std::string(2 * (Key::kMaxSecret + 1), 'f')), HasSubstr("1025 bytes"));
}

TEST(Keys, AreChosenByNameElseTheFirst) {
  const std::vector<Key> keys{{"old", kBytes}, {"new", kBytes + "x"}};
  EXPECT_EQ(choose_key(keys, ""), keys[0]);
  EXPECT_EQ(choose_key(keys, "new"), keys[1]);
  try {
    choose_key(keys, "newer");
    FAIL() << "there is none";
  } catch (const UsageError& error) {
    EXPECT_THAT(error.what(), AllOf(HasSubstr("newer"), HasSubstr("old, new")));
  }
}

class KeyFile : public testing::Test {
 protected:
  KeyFile() { std::ofstream(path_) << "a " << kHex << "\n"; }
  ~KeyFile() override { std::filesystem::remove(path_); }
  std::string failure(mode_t mode) {
    EXPECT_EQ(chmod(path_.c_str(), mode), 0);
    try {
      read_key_file(path_);
    } catch (const FileError& error) {
      return error.what();
    }
    return "";
  }
  std::filesystem::path path_ = std::filesystem::temp_directory_path() / ("paceline-keys-" + std::to_string(getpid()));
};

TEST_F(KeyFile, IsReadWhenOwnerAndGroupAloneCan) {
  for (const mode_t mode : {0600u, 0400u, 0440u, 0640u}) EXPECT_EQ(failure(mode), "") << std::oct << mode;
  EXPECT_EQ(read_key_file(path_).front().name, "a");
}

TEST_F(KeyFile, IsRefusedWhenOthersCanReadOrChangeIt) {
  for (const mode_t mode : {0644u, 0604u, 0602u, 0620u, 0666u})
    EXPECT_THAT(failure(mode), AllOf(HasSubstr("chmod 600"), HasSubstr(path_.string()))) << std::oct << mode;
}

TEST_F(KeyFile, SaysWhatIsWrongWithIt) {
  EXPECT_THROW(read_key_file("/nonexistent/keys"), FileError);
  EXPECT_THROW(read_key_file("/"), FileError);
  std::ofstream(path_) << std::string((1 << 20) + 1, 'x');
  EXPECT_THAT(failure(0600), HasSubstr("1 MiB"));
}

}  // namespace
}  // namespace paceline
