// SPDX-License-Identifier: MIT
#include "paceline/endpoint.h"

#include <gtest/gtest.h>

namespace paceline {
namespace {

TEST(Endpoint, ParsesWhatPeopleWrite) {
  EXPECT_EQ(parse_endpoint("example.org", 9000), (Endpoint{"example.org", 9000}));
  EXPECT_EQ(parse_endpoint("example.org:30900", 9000), (Endpoint{"example.org", 30900}));
  EXPECT_EQ(parse_endpoint("192.0.2.7:1", 9000), (Endpoint{"192.0.2.7", 1}));
  EXPECT_EQ(parse_endpoint("2001:db8::7", 9000), (Endpoint{"2001:db8::7", 9000}));
  EXPECT_EQ(parse_endpoint("[2001:db8::7]", 9000), (Endpoint{"2001:db8::7", 9000}));
  EXPECT_EQ(parse_endpoint("[2001:db8::7]:30900", 9000), (Endpoint{"2001:db8::7", 30900}));
  EXPECT_EQ(parse_endpoint("[fe80::1%eth0]:65535", 9000), (Endpoint{"fe80::1%eth0", 65535}));
}

TEST(Endpoint, RefusesNonsense) {
  for (const char* text : {"", ":9000", "host:", "host:0", "host:65536", "host:-1", "host:80x", "host: 80", "[::1",
                           "[]:80", "[]", "[::1]80", "[::1]:", "[::1]:x", "host:99999999999999999999"}) {
    EXPECT_THROW(parse_endpoint(text, 9000), UsageError) << text;
  }
}

TEST(Endpoint, TextParsesBack) {
  for (const Endpoint& endpoint : {Endpoint{"192.0.2.7", 80}, Endpoint{"::1", 9000}, Endpoint{"fe80::1%eth0", 1}}) {
    EXPECT_EQ(parse_endpoint(to_string(endpoint), 1234), endpoint);
  }
}

}  // namespace
}  // namespace paceline
