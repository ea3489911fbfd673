// SPDX-License-Identifier: MIT
#include "traffic/address.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>

#include "paceline/error.h"

namespace paceline::traffic {
namespace {

TEST(Address, PrintsWhatItParsed) {
  EXPECT_EQ(Address::parse("192.0.2.7", 8999).to_string(), "192.0.2.7:8999");
  EXPECT_EQ(Address::parse("2001:db8::7", 8999).to_string(), "[2001:db8::7]:8999");
  EXPECT_EQ(Address::parse("::", 0).to_string(), "[::]:0");
  EXPECT_EQ(Address::parse("0.0.0.0", 65535).to_string(), "0.0.0.0:65535");
  EXPECT_EQ(Address::parse("fe80::1%lo", 1).to_string(), "[fe80::1%lo]:1");
  EXPECT_EQ(Address::parse("2001:DB8:0:0::7", 1).ip_string(), "2001:db8::7");
}

TEST(Address, AMappedIpv4AddressIsTheIpv4Address) {
  const Address v4 = Address::parse("192.0.2.7", 8999);
  const Address mapped = Address::parse("::ffff:192.0.2.7", 8999);
  EXPECT_TRUE(v4.is_v4());
  EXPECT_EQ(v4, mapped);
  EXPECT_EQ(mapped.to_string(), "192.0.2.7:8999");
}

TEST(Address, RefusesWhatIsNoNumericAddress) {
  for (const char* text : {"", "localhost", "192.0.2", "192.0.2.256", "1.2.3.4.5", "[::1]", "::1::", "192.0.2.7:80",
                           " 192.0.2.7", "%lo", "::1%"})
    EXPECT_THROW(Address::parse(text, 1), UsageError) << text;
}

TEST(Address, NamesTheZoneThatDoesNotExist) {
  try {
    Address::parse("fe80::1%nosuch0", 1);
    FAIL();
  } catch (const UsageError& error) {
    EXPECT_NE(std::string(error.what()).find("nosuch0"), std::string::npos) << error.what();
  }
}

TEST(Address, IsTheSameForPortIpAndZoneOnly) {
  const Address address = Address::parse("fe80::1%lo", 5);
  EXPECT_EQ(address, Address::parse("fe80::1%lo", 5));
  EXPECT_FALSE(address == Address::parse("fe80::1%lo", 6));
  EXPECT_FALSE(address == Address::parse("fe80::2%lo", 5));
  EXPECT_FALSE(address == Address::parse("fe80::1", 5));
  EXPECT_TRUE(address.same_ip(Address::parse("fe80::1", 6)));
}

TEST(Address, GoesThroughSockaddrsOfBothFamiliesUnchanged) {
  for (const char* text : {"192.0.2.7", "127.0.0.1", "2001:db8::7", "fe80::1%lo"}) {
    const Address address = Address::parse(text, 8999);
    sockaddr_storage storage;
    EXPECT_EQ(address.to_sockaddr(storage, AF_INET6), sizeof(sockaddr_in6));
    EXPECT_EQ(storage.ss_family, AF_INET6);
    EXPECT_EQ(Address::from(storage), address) << text;
    if (!address.is_v4()) continue;
    EXPECT_EQ(address.to_sockaddr(storage, AF_INET), sizeof(sockaddr_in));
    EXPECT_EQ(storage.ss_family, AF_INET);
    EXPECT_EQ(reinterpret_cast<const sockaddr_in&>(storage).sin_port, htons(8999));
    EXPECT_EQ(Address::from(storage), address) << text;
  }
}

TEST(Address, OfAForeignFamilyIsTheUnspecifiedOne) {
  sockaddr_storage storage{};
  storage.ss_family = AF_UNIX;
  EXPECT_EQ(Address::from(storage), Address());
  EXPECT_EQ(Address().to_string(), "[::]:0");
}

}  // namespace
}  // namespace paceline::traffic
