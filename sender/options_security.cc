// SPDX-License-Identifier: MIT
#include "sender/option_parser.h"

namespace paceline::sender {

namespace {

void apply_keys(const KeyChoice& chosen, CommandLine& line) {
  if (chosen.file.empty()) {
    if (!chosen.name.empty()) throw UsageError("--key names a key of --key-file: give both");
    return;
  }
  if (line.options.serve) {
    line.options.serve->key_file = KeyFile{chosen.file, chosen.name};
    return;
  }
  const std::vector<Key> keys = read_key_file(chosen.file);
  if (line.options.remote && !line.remote) {
    line.options.remote->key = choose_key(keys, chosen.name);
  } else if (line.options.campaign) {
    for (CampaignCell& cell : line.options.campaign->spec.cells) cell.run.key = choose_key(keys, chosen.name);
  } else {
    line.options.run.key = choose_key(keys, chosen.name);
  }
}

void apply_tls(const TlsChoice& chosen, CommandLine& line) {
  if (!chosen.wanted && chosen.authorities.empty() && chosen.name.empty()) return;
  const TlsTrust trust{chosen.authorities, chosen.name};
  line.options.run.tls = trust;
  if (!line.options.campaign) return;
  for (CampaignCell& cell : line.options.campaign->spec.cells) cell.run.tls = trust;
}

void add_tls(CLI::App& app, TlsChoice& chosen) {
  app.option_defaults()->group("TLS");
  app.add_flag("--tls", chosen.wanted,
               "Signalling by TLS 1.3 alone; the receiver's certificate is checked\n"
               "against the system's authorities");
  app.add_option("--tls-ca", chosen.authorities,
                 "The same, against the authorities in this PEM file\n(environment: PACELINE_TLS_CA)")
      ->envname("PACELINE_TLS_CA")
      ->type_name("FILE");
  app.add_option("--tls-name", chosen.name, "Name or address that the certificate must have (default: HOST)")
      ->type_name("NAME");
}

}  // namespace

void add_key_options(CLI::App& app, CommandLine& line, const std::string& what) {
  app.option_defaults()->group("Keys");
  CLI::Option* file = app.add_option("--key-file", line.keys.file, what)->type_name("FILE");
  if (!line.remote) file->envname("PACELINE_KEY_FILE");
  app.add_option("--key", line.keys.name, "The file's key of this name (default: the first one)")->type_name("NAME");
}

void require_key_file(const CommandLine& line) {
  if (line.keys.file.empty()) throw CLI::RequiredError("--key-file (or the environment's PACELINE_KEY_FILE)");
}

void add_security(CLI::App& app, CommandLine& line) {
  add_key_options(app, line,
                  std::string("Prove a key of this file to the receiver, which must have it, too: lines\n"
                              "of NAME SECRET, as paceline-recv --help shows") +
                      (line.remote ? ". The sender there uses its own key\nof that name; no secret is sent"
                                   : "\n(environment: PACELINE_KEY_FILE)"));
  if (!line.remote) add_tls(app, line.tls);
}

void apply_security(CommandLine& line) {
  apply_keys(line.keys, line);
  apply_tls(line.tls, line);
}

}  // namespace paceline::sender
