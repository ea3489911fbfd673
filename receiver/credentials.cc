// SPDX-License-Identifier: MIT
#include "receiver/credentials.h"

#include <filesystem>
#include <optional>
#include <vector>

namespace paceline::receiver {

namespace {

std::vector<std::filesystem::path> files_of(const std::optional<TlsIdentity>& identity) {
  if (!identity) return {};
  return {identity->certificate, identity->key};
}

void tell(const std::optional<signalling::Reread>& news, ReceiverObserver& observer) {
  if (!news) return;
  if (news->failed) return observer.warning(news->text);
  observer.credentials_changed(news->text);
}

}  // namespace

Credentials::Credentials(const ReceiverSpec& spec)
    : keys(signalling::make_key_ring(spec.keys, spec.key_file)),
      tls(
          "the certificate", files_of(spec.tls),
          [identity = spec.tls] { return identity ? signalling::tls_server(*identity) : nullptr; },
          [](const signalling::TlsEnd& end) { return end.identity(); }) {}

void Credentials::look(ReceiverObserver& observer) {
  tell(keys.look(), observer);
  tell(tls.look(), observer);
}

}  // namespace paceline::receiver
