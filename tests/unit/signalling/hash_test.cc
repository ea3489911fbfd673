// SPDX-License-Identifier: MIT
#include "signalling/hash.h"

#include <gtest/gtest.h>

namespace paceline::signalling {
namespace {

std::string from_hex(std::string_view text) {
  std::string bytes;
  for (std::size_t i = 0; i + 1 < text.size(); i += 2)
    bytes.push_back(static_cast<char>(std::stoi(std::string(text.substr(i, 2)), nullptr, 16)));
  return bytes;
}

std::string hmac(std::string_view key, std::string_view text) { return std::string(view(Hmac(key).of(text))); }

// RFC 4231, section 4: test cases 1 to 4, 6 and 7.
TEST(Hmac, IsThatOfTheRfc) {
  EXPECT_EQ(hmac(std::string(20, '\x0b'), "Hi There"),
            from_hex("b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"));
  EXPECT_EQ(hmac("Jefe", "what do ya want for nothing?"),
            from_hex("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"));
  EXPECT_EQ(hmac(std::string(20, '\xaa'), std::string(50, '\xdd')),
            from_hex("773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"));
  EXPECT_EQ(hmac(from_hex("0102030405060708090a0b0c0d0e0f10111213141516171819"), std::string(50, '\xcd')),
            from_hex("82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"));
  EXPECT_EQ(hmac(std::string(131, '\xaa'), "Test Using Larger Than Block-Size Key - Hash Key First"),
            from_hex("60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"));
  EXPECT_EQ(hmac(std::string(131, '\xaa'),
                 "This is a test using a larger than block-size key and a larger than block-size data. The key needs "
                 "to be hashed before being used by the HMAC algorithm."),
            from_hex("9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2"));
}

TEST(Hmac, TakesATextInTwoPartsAndIsUsedAgain) {
  Hmac hmac("Jefe");
  const Digest whole = hmac.of("what do ya want for nothing?");
  EXPECT_EQ(hmac.of("what do ya ", "want for nothing?"), whole);
  EXPECT_EQ(hmac.of("what do ya want for nothing?"), whole);
  EXPECT_NE(hmac.of("what do ya want for something?"), whole);
}

// RFC 5869, appendix A: test cases 1 to 3.
TEST(Hkdf, IsThatOfTheRfc) {
  EXPECT_EQ(hkdf(std::string(22, '\x0b'), from_hex("000102030405060708090a0b0c"), from_hex("f0f1f2f3f4f5f6f7f8f9"), 42),
            from_hex("3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"));
  std::string secret, salt, info;
  for (int i = 0; i < 80; ++i) {
    secret.push_back(static_cast<char>(i));
    salt.push_back(static_cast<char>(0x60 + i));
    info.push_back(static_cast<char>(0xb0 + i));
  }
  EXPECT_EQ(
      hkdf(secret, salt, info, 82),
      from_hex(
          "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb41c65e590e09da327560"
          "0c2f09b8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87"));
  EXPECT_EQ(hkdf(std::string(22, '\x0b'), "", "", 42),
            from_hex("8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8"));
}

TEST(Equal, ComparesLengthsAndBytes) {
  EXPECT_TRUE(equal("abc", "abc"));
  EXPECT_TRUE(equal("", ""));
  EXPECT_FALSE(equal("abc", "abd"));
  EXPECT_FALSE(equal("abc", "ab"));
  EXPECT_FALSE(equal(std::string_view("a\0b", 3), std::string_view("a\0c", 3)));
}

}  // namespace
}  // namespace paceline::signalling
