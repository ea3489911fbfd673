// SPDX-License-Identifier: MIT
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <asio/ip/address.hpp>
#include <cstring>
#include <limits>
#include <utility>

#include "paceline/error.h"
#include "signalling/private_file.h"
#include "signalling/tls.h"

namespace paceline {

bool has_tls() { return true; }

namespace signalling {

namespace {

struct Free {
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
  void operator()(SSL* ssl) const { SSL_free(ssl); }
  void operator()(BIO* bio) const { BIO_free(bio); }
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};
using Context = std::unique_ptr<SSL_CTX, Free>;
using PrivateKey = std::unique_ptr<EVP_PKEY, Free>;

/// Why OpenSSL failed on this thread: what it met first, the rest is where it was on the way.
std::string why() {
  const unsigned long code = ERR_get_error();
  ERR_clear_error();
  if (ERR_SYSTEM_ERROR(code)) return std::strerror(ERR_GET_REASON(code));
  const char* reason = ERR_reason_error_string(code);
  return reason ? reason : "no reason is known";
}

bool is_address(const std::string& host) {
  asio::error_code error;
  asio::ip::make_address(host, error);
  return !error;
}

class OpenSslTls : public Tls {
 public:
  OpenSslTls(SSL_CTX& context, bool server) : ssl_(SSL_new(&context)) {
    in_ = BIO_new(BIO_s_mem());
    out_ = BIO_new(BIO_s_mem());
    if (!ssl_ || !in_ || !out_) throw std::bad_alloc();
    SSL_set_bio(ssl_.get(), in_, out_);  // which it frees
    if (server) {
      SSL_set_accept_state(ssl_.get());
    } else {
      SSL_set_connect_state(ssl_.get());
    }
  }

  /// The peer's certificate must have this name.
  void expect(const std::string& name) {
    name_ = name;
    X509_VERIFY_PARAM* wanted = SSL_get0_param(ssl_.get());
    const bool address = is_address(name);
    const bool works = address ? X509_VERIFY_PARAM_set1_ip_asc(wanted, name.c_str()) == 1
                               : SSL_set1_host(ssl_.get(), name.c_str()) == 1 && indicate(name);
    if (!works) throw UsageError("'" + name + "' is no name that a certificate can have");
    SSL_set_verify(ssl_.get(), SSL_VERIFY_PEER, nullptr);
  }

  void begin() { shake_hands(); }

  void send(std::string_view plain) override {
    if (!stands()) {
      unsent_ += plain;
      return;
    }
    encrypt(plain);
  }

  std::string receive(std::span<const char> bytes) override {
    ERR_clear_error();
    for (std::size_t given = 0; given < bytes.size();) {
      const auto rest = std::min<std::size_t>(bytes.size() - given, std::numeric_limits<int>::max());
      const int taken = BIO_write(in_, bytes.data() + given, static_cast<int>(rest));
      if (taken <= 0) throw std::bad_alloc();
      given += static_cast<std::size_t>(taken);
    }
    if (!stands()) shake_hands();
    return stands() ? decrypt() : std::string();
  }

  void end() override {
    if (stands()) SSL_shutdown(ssl_.get());
  }

  std::string take() override {
    std::string bytes(BIO_ctrl_pending(out_), '\0');
    if (bytes.empty()) return bytes;
    const int count = BIO_read(out_, bytes.data(), static_cast<int>(bytes.size()));
    bytes.resize(static_cast<std::size_t>(std::max(count, 0)));
    return bytes;
  }

  bool stands() const override { return SSL_is_init_finished(ssl_.get()) == 1; }

 private:
  /// Server Name Indication (RFC 6066, section 3); OpenSSL's own macro for it casts in the old style.
  bool indicate(std::string name) {
    return SSL_ctrl(ssl_.get(), SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, name.data()) == 1;
  }

  void shake_hands() {
    const int result = SSL_do_handshake(ssl_.get());
    if (result == 1) return encrypt(std::exchange(unsent_, {}));
    if (SSL_get_error(ssl_.get(), result) != SSL_ERROR_WANT_READ) fail();
  }

  void encrypt(std::string_view plain) {
    if (plain.empty()) return;
    std::size_t written = 0;
    // Into memory: it writes all, or there is none left.
    if (SSL_write_ex(ssl_.get(), plain.data(), plain.size(), &written) != 1 || written != plain.size()) fail();
  }

  std::string decrypt() {
    std::string plain;
    std::array<char, 16 * 1024> part;  // the most that a record holds
    for (;;) {
      std::size_t count = 0;
      const int result = SSL_read_ex(ssl_.get(), part.data(), part.size(), &count);
      if (result == 1) {
        plain.append(part.data(), count);
        continue;
      }
      const int error = SSL_get_error(ssl_.get(), result);
      if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_ZERO_RETURN) return plain;
      fail();
    }
  }

  [[noreturn]] void fail() {
    const long verdict = SSL_get_verify_result(ssl_.get());
    if (verdict != X509_V_OK)
      throw TlsError("its certificate does not hold for '" + name_ + "': " + X509_verify_cert_error_string(verdict));
    throw TlsError("no TLS 1.3 with it: " + why());
  }

  std::unique_ptr<SSL, Free> ssl_;
  BIO* in_;
  BIO* out_;
  std::string name_;
  std::string unsent_;
};

Context context_of(const SSL_METHOD* method) {
  Context context(SSL_CTX_new(method));
  if (!context || SSL_CTX_set_min_proto_version(context.get(), TLS1_3_VERSION) != 1)
    throw SetupError("OpenSSL does not do TLS 1.3: " + why());
  // Every session is a handshake of its own: nothing is kept of one, and no early data can be replayed.
  SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF);
  SSL_CTX_set_num_tickets(context.get(), 0);
  return context;
}

/// Null when it is none. One behind a password is none, either: nobody is asked for it.
PrivateKey private_key(const std::string& pem) {
  const std::unique_ptr<BIO, Free> bytes(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  const auto no_password = [](char*, int, int, void*) { return -1; };
  return PrivateKey(PEM_read_bio_PrivateKey(bytes.get(), nullptr, no_password, nullptr));
}

class Server : public TlsEnd {
 public:
  explicit Server(const TlsIdentity& identity) : context_(context_of(TLS_server_method())) {
    const std::string pem = read_private_file(identity.key, "TLS key");
    ERR_clear_error();
    if (SSL_CTX_use_certificate_chain_file(context_.get(), identity.certificate.c_str()) != 1)
      throw FileError("TLS certificate " + identity.certificate.string() + ": " + why());
    const PrivateKey key = private_key(pem);
    if (!key || SSL_CTX_use_PrivateKey(context_.get(), key.get()) != 1)
      throw FileError("TLS key " + identity.key.string() + ": " + why());
  }

  std::unique_ptr<Tls> open(const std::string&) const override { return std::make_unique<OpenSslTls>(*context_, true); }

  std::string identity() const override {
    const X509* certificate = SSL_CTX_get0_certificate(context_.get());
    const std::unique_ptr<BIO, Free> text(BIO_new(BIO_s_mem()));
    X509_NAME_print_ex(text.get(), X509_get_subject_name(certificate), 0, XN_FLAG_RFC2253);
    BIO_puts(text.get(), ", until ");
    ASN1_TIME_print_ex(text.get(), X509_get0_notAfter(certificate), ASN1_DTFLGS_ISO8601);
    std::string all(BIO_ctrl_pending(text.get()), '\0');
    BIO_read(text.get(), all.data(), static_cast<int>(all.size()));
    return all;
  }

 private:
  Context context_;
};

class Client : public TlsEnd {
 public:
  explicit Client(const TlsTrust& trust) : name_(trust.name), context_(context_of(TLS_client_method())) {
    ERR_clear_error();
    const bool loaded = trust.authorities.empty()
                            ? SSL_CTX_set_default_verify_paths(context_.get()) == 1
                            : SSL_CTX_load_verify_file(context_.get(), trust.authorities.c_str()) == 1;
    if (!loaded) throw FileError("TLS authorities " + trust.authorities.string() + ": " + why());
    // Before any connection, so that a name that cannot be is said at once.
    if (!name_.empty()) OpenSslTls(*context_, false).expect(name_);
  }

  std::unique_ptr<Tls> open(const std::string& host) const override {
    auto tls = std::make_unique<OpenSslTls>(*context_, false);
    tls->expect(name_.empty() ? host : name_);
    tls->begin();
    return tls;
  }

  std::string identity() const override { return ""; }

 private:
  std::string name_;
  Context context_;
};

}  // namespace

std::shared_ptr<const TlsEnd> tls_server(const TlsIdentity& identity) { return std::make_shared<Server>(identity); }

std::shared_ptr<const TlsEnd> tls_client(const TlsTrust& trust) { return std::make_shared<Client>(trust); }

}  // namespace signalling
}  // namespace paceline
