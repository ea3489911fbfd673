// SPDX-License-Identifier: MIT
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "paceline/key.h"
#include "tests/unit/sender/parsed_options.h"

namespace paceline::sender {
namespace {

constexpr char kCampaign[] = R"(
receiver = "192.0.2.7"

[axes]
family = [4, 6]

[[flow]]
kind = "packets"
)";

TEST(TlsOptions, AnyOfThemAsksForIt) {
  EXPECT_EQ(parse({"latency", "192.0.2.7"}).options.run.tls, std::nullopt);
  EXPECT_EQ(parse({"latency", "192.0.2.7", "--tls"}).options.run.tls, TlsTrust{});
  EXPECT_EQ(parse({"throughput", "192.0.2.7", "--tls-ca", "ca.pem"}).options.run.tls, (TlsTrust{"ca.pem", ""}));
  EXPECT_EQ(parse({"connections", "192.0.2.7", "--tls-name", "receiver.test"}).options.run.tls,
            (TlsTrust{"", "receiver.test"}));
}

TEST(TlsOptions, GoIntoEachRunOfACampaign) {
  const TemporaryFile file("tls_campaign.toml", kCampaign);
  const Parsed parsed = parse({"run", file.path, "--tls-ca", "ca.pem"});
  ASSERT_FALSE(parsed.exit_code) << parsed.error;
  ASSERT_TRUE(parsed.options.campaign);
  ASSERT_EQ(parsed.options.campaign->spec.cells.size(), 2u);
  for (const CampaignCell& cell : parsed.options.campaign->spec.cells)
    EXPECT_EQ(cell.run.tls, (TlsTrust{"ca.pem", ""}));
}

TEST(TlsOptions, AreNotForRunsOfAnotherMachine) {
  const TemporaryFile keys("tls_keys", "lab 000102030405060708090a0b0c0d0e0f\n");
  std::filesystem::permissions(keys.path, std::filesystem::perms::owner_read);
  const Parsed parsed = parse({"remote", "192.0.2.9", "--key-file", keys.path, "--", "latency", "192.0.2.7", "--tls"});
  EXPECT_EQ(parsed.exit_code, 2);
  EXPECT_THAT(parsed.error, testing::HasSubstr("--tls"));
}

TEST(KeyOptions, NameAKeyOfTheFile) {
  const TemporaryFile keys("option_keys",
                           "old 000102030405060708090a0b0c0d0e0f\nnew 100102030405060708090a0b0c0d0e0f\n");
  std::filesystem::permissions(keys.path, std::filesystem::perms::owner_read);
  EXPECT_EQ(parse({"latency", "192.0.2.7", "--key-file", keys.path}).options.run.key.value().name, "old");
  EXPECT_EQ(parse({"latency", "192.0.2.7", "--key-file", keys.path, "--key", "new"}).options.run.key.value().name,
            "new");
  expect_usage_error({"latency", "192.0.2.7", "--key", "new"}, "give both");
}

}  // namespace
}  // namespace paceline::sender
