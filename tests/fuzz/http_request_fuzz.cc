// SPDX-License-Identifier: MIT
//
// What a peer sends to the port of probes and metrics: however it is cut on its way, the same requests come out of it.
// The input's first byte is the length of the pieces.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "receiver/http_request.h"
#include "tests/fuzz/expect.h"

namespace {

using paceline::receiver::HttpRequest;

/// The paths asked for until a request is refused, when the stream comes `step` bytes at a time; as HttpEndpoint reads.
std::vector<std::string> paths(std::string_view stream, std::size_t step) {
  std::vector<std::string> found;
  std::string bytes;
  std::optional<HttpRequest> request(std::in_place);
  for (std::size_t at = 0; at < stream.size(); at += step) {
    bytes += stream.substr(at, step);
    while (!bytes.empty()) {
      if (const int refused = request->take(bytes); refused != 0) {
        EXPECT(refused == 400 || refused == 413 || refused == 431);
        return found;
      }
      EXPECT(bytes.size() <= HttpRequest::kMostBytes);
      if (!request->whole()) break;
      found.push_back(request->path());
      EXPECT(found.back().find('?') == std::string::npos);
      if (!request->keep_alive()) return found;
      request.emplace();
    }
  }
  return found;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // What is longer may be refused for the bytes behind a request, which depends on how many come at once.
  if (size == 0 || size > HttpRequest::kMostBytes) return 0;
  const std::string_view stream(reinterpret_cast<const char*>(data) + 1, size - 1);
  EXPECT(paths(stream, data[0] + 1U) == paths(stream, size));
  return 0;
}
