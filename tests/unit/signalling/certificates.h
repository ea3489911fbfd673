// SPDX-License-Identifier: MIT
//
// Authorities and the certificates that they give, made when a test needs them.
#pragma once

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <chrono>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>

namespace paceline::signalling {

class Authority {
 public:
  /// What a certificate says, beside whose it is.
  struct Wish {
    std::string names = "DNS:receiver.test,IP:192.0.2.1,IP:2001:db8::1";
    std::chrono::seconds from{-60}, until{3600};  // from now
  };

  explicit Authority(std::filesystem::path folder) : folder_(std::move(folder)), key_(make_key()) {
    certificate_ = certify(*key_, "an authority", {.names = ""}, "critical,CA:TRUE");
    write(folder_ / "authority.pem", [&](BIO* file) { return PEM_write_bio_X509(file, certificate_.get()); });
  }

  std::filesystem::path file() const { return folder_ / "authority.pem"; }

  /// Writes NAME.pem and NAME.key.
  void give(const std::string& name, const Wish& wish) const {
    const Key key = make_key();
    const Certificate certificate = certify(*key, name, wish, "CA:FALSE");
    write(folder_ / (name + ".pem"), [&](BIO* file) { return PEM_write_bio_X509(file, certificate.get()); });
    write(folder_ / (name + ".key"),
          [&](BIO* file) { return PEM_write_bio_PrivateKey(file, key.get(), nullptr, nullptr, 0, nullptr, nullptr); });
  }

 private:
  struct Free {
    void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
    void operator()(X509* certificate) const { X509_free(certificate); }
    void operator()(BIO* file) const { BIO_free(file); }
    void operator()(X509_EXTENSION* extension) const { X509_EXTENSION_free(extension); }
  };
  using Key = std::unique_ptr<EVP_PKEY, Free>;
  using Certificate = std::unique_ptr<X509, Free>;

  static void require(bool works) {
    if (!works) throw std::runtime_error("OpenSSL makes no certificate");
  }

  static Key make_key() {
    Key key(EVP_EC_gen("P-256"));
    require(key != nullptr);
    return key;
  }

  static void extend(X509& certificate, int what, const std::string& value) {
    if (value.empty()) return;
    const std::unique_ptr<X509_EXTENSION, Free> extension(X509V3_EXT_conf_nid(nullptr, nullptr, what, value.c_str()));
    require(extension && X509_add_ext(&certificate, extension.get(), -1) == 1);
  }

  Certificate certify(EVP_PKEY& key, const std::string& whose, const Wish& wish, const std::string& constraints) const {
    static long number = 0;
    Certificate made(X509_new());
    require(made != nullptr);
    X509& it = *made;
    X509_set_version(&it, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(&it), ++number);
    X509_gmtime_adj(X509_getm_notBefore(&it), wish.from.count());
    X509_gmtime_adj(X509_getm_notAfter(&it), wish.until.count());
    require(X509_NAME_add_entry_by_txt(X509_get_subject_name(&it), "CN", MBSTRING_ASC,
                                       reinterpret_cast<const unsigned char*>(whose.c_str()), -1, -1, 0) == 1);
    X509_set_issuer_name(&it, X509_get_subject_name(certificate_ ? certificate_.get() : &it));
    X509_set_pubkey(&it, &key);
    extend(it, NID_basic_constraints, constraints);
    extend(it, NID_subject_alt_name, wish.names);
    require(X509_sign(&it, key_.get(), EVP_sha256()) > 0);
    return made;
  }

  template <class Write>
  static void write(const std::filesystem::path& path, const Write& content) {
    {
      const std::unique_ptr<BIO, Free> file(BIO_new_file(path.c_str(), "w"));
      require(file && content(file.get()) == 1);
    }
    std::filesystem::permissions(path, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  }

  std::filesystem::path folder_;
  Key key_;
  Certificate certificate_;
};

}  // namespace paceline::signalling
