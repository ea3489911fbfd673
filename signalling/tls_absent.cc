// SPDX-License-Identifier: MIT
#include "paceline/error.h"
#include "signalling/tls.h"

namespace paceline {

bool has_tls() { return false; }

namespace signalling {

namespace {

[[noreturn]] void refuse() { throw UsageError("this build has no TLS: configure it with -DPACELINE_WITH_TLS=ON"); }

}  // namespace

std::shared_ptr<const TlsEnd> tls_server(const TlsIdentity&) { refuse(); }
std::shared_ptr<const TlsEnd> tls_client(const TlsTrust&) { refuse(); }

}  // namespace signalling
}  // namespace paceline
