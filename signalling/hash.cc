// SPDX-License-Identifier: MIT
#include "signalling/hash.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include <stdexcept>

namespace paceline::signalling {

namespace {

// OpenSSL reads through pointers to what it calls mutable.
char kSha256[] = "SHA256";

const unsigned char* bytes(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }
OSSL_PARAM octets(const char* name, std::string_view text) {
  return OSSL_PARAM_construct_octet_string(name, const_cast<char*>(text.data()), text.size());
}

void require(bool works, const char* what) {
  if (!works) throw std::runtime_error(std::string("OpenSSL does not do ") + what);
}

}  // namespace

void Hmac::Free::operator()(evp_mac_ctx_st* context) const { EVP_MAC_CTX_free(context); }

Hmac::Hmac(std::string_view key) {
  EVP_MAC* mac = EVP_MAC_fetch(nullptr, "HMAC", nullptr);
  require(mac != nullptr, "HMAC");
  context_.reset(EVP_MAC_CTX_new(mac));
  EVP_MAC_free(mac);  // the context keeps it
  const OSSL_PARAM digest[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, kSha256, 0),
                               OSSL_PARAM_construct_end()};
  require(context_ && EVP_MAC_init(context_.get(), bytes(key), key.size(), digest) == 1, "HMAC-SHA-256");
}

Digest Hmac::of(std::string_view text, std::string_view more) {
  Digest digest{};
  std::size_t size = 0;
  auto* const out = reinterpret_cast<unsigned char*>(digest.data());
  require(EVP_MAC_init(context_.get(), nullptr, 0, nullptr) == 1 &&  // the key that it has, from the start
              EVP_MAC_update(context_.get(), bytes(text), text.size()) == 1 &&
              EVP_MAC_update(context_.get(), bytes(more), more.size()) == 1 &&
              EVP_MAC_final(context_.get(), out, &size, digest.size()) == 1 && size == digest.size(),
          "HMAC-SHA-256");
  return digest;
}

std::string hkdf(std::string_view secret, std::string_view salt, std::string_view info, std::size_t size) {
  struct Free {
    void operator()(EVP_KDF_CTX* context) const { EVP_KDF_CTX_free(context); }
  };
  EVP_KDF* kdf = EVP_KDF_fetch(nullptr, "HKDF", nullptr);
  require(kdf != nullptr, "HKDF");
  const std::unique_ptr<EVP_KDF_CTX, Free> context(EVP_KDF_CTX_new(kdf));
  EVP_KDF_free(kdf);
  const OSSL_PARAM parameters[] = {OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, kSha256, 0),
                                   octets(OSSL_KDF_PARAM_KEY, secret), octets(OSSL_KDF_PARAM_SALT, salt),
                                   octets(OSSL_KDF_PARAM_INFO, info), OSSL_PARAM_construct_end()};
  std::string out(size, '\0');
  require(context && EVP_KDF_derive(context.get(), reinterpret_cast<unsigned char*>(out.data()), size, parameters) == 1,
          "HKDF-SHA-256");
  return out;
}

bool equal(std::string_view one, std::string_view other) {
  return one.size() == other.size() && CRYPTO_memcmp(one.data(), other.data(), one.size()) == 0;
}

}  // namespace paceline::signalling
