// SPDX-License-Identifier: MIT
#include "receiver/http_request.h"

#include <gtest/gtest.h>

namespace paceline::receiver {
namespace {

TEST(HttpRequest, IsReadHoweverItIsCut) {
  const std::string text = "GET /metrics?verbose=1 HTTP/1.1\r\nHost: pod\r\n\r\n";
  for (std::size_t step = 1; step <= text.size(); ++step) {
    HttpRequest request;
    std::string bytes;
    for (std::size_t at = 0; at < text.size(); at += step) {
      ASSERT_FALSE(request.whole());
      bytes += text.substr(at, step);
      ASSERT_EQ(request.take(bytes), 0);
    }
    ASSERT_TRUE(request.whole()) << step;
    EXPECT_EQ(request.path(), "/metrics");
    EXPECT_TRUE(request.is_get() && !request.is_head() && request.keep_alive());
  }
}

TEST(HttpRequest, LeavesTheNextOneAlone) {
  const std::string next = "HEAD /readyz HTTP/1.0\r\n\r\n";
  std::string bytes = "GET /livez HTTP/1.1\r\nConnection: close\r\n\r\n" + next;
  HttpRequest first;
  EXPECT_EQ(first.take(bytes), 0);
  EXPECT_TRUE(first.whole());
  EXPECT_FALSE(first.keep_alive());
  EXPECT_EQ(bytes, next);
  HttpRequest second;
  EXPECT_EQ(second.take(bytes), 0);
  EXPECT_TRUE(second.whole() && second.is_head() && second.is_get());
  EXPECT_EQ(second.path(), "/readyz");
  EXPECT_EQ(bytes, "");
}

TEST(HttpRequest, ShortLinesWithoutEndAreTooMuchTogether) {
  HttpRequest request;
  std::string bytes = "GET / HTTP/1.1\r\n";
  std::size_t size = 0;  // behind the first line, which is counted by itself
  int status = request.take(bytes);
  for (; status == 0 && size < 2 * HttpRequest::kMostBytes; size += 6) {
    bytes += "A: x\r\n";
    status = request.take(bytes);
  }
  EXPECT_EQ(status, 431);
  EXPECT_LE(size, HttpRequest::kMostBytes + 6);
}

TEST(HttpRequest, WhatIsNoneOrTooMuchIsRefused) {
  const auto status = [](std::string bytes) { return HttpRequest().take(bytes); };
  EXPECT_EQ(status("\x16\x03\x01\x02 nonsense\r\n\r\n"), 400);
  EXPECT_EQ(status("GET / HTTP/9.9\r\n\r\n"), 400);
  EXPECT_EQ(status("GET / HTTP/1.1\r\nA: " + std::string(2 * HttpRequest::kMostBytes, 'x')), 431);
  EXPECT_EQ(status("GET /" + std::string(2 * HttpRequest::kMostBytes, 'x')), 431);
  EXPECT_EQ(status("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"), 413);
  EXPECT_EQ(status("GET / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n"), 400);
}

}  // namespace
}  // namespace paceline::receiver
