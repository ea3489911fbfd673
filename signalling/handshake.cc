// SPDX-License-Identifier: MIT
#include "signalling/handshake.h"

#include "proto/convert.h"
#include "signalling/authentication.h"

namespace paceline::signalling {

namespace {

using Clock = std::chrono::steady_clock;

std::string text_of(const Digest& digest) { return {digest.begin(), digest.end()}; }

wire::Message refusal(const std::string& reason) {
  wire::Message message;
  message.mutable_refused()->set_reason(reason);
  return message;
}

}  // namespace

asio::awaitable<void> prove_key(Channel& channel, const Key& key, Clock::time_point deadline) {
  const Opening opening = channel.opening();
  wire::Message message;
  message.mutable_authenticate()->set_key_name(key.name);
  message.mutable_authenticate()->set_mac(text_of(proof(key, opening, Side::sender)));
  channel.send(message);

  const wire::Message answer = co_await channel.receive(deadline - Clock::now(), false);
  if (answer.has_refused()) throw ChannelError(wire::text(answer.refused().reason()));
  if (!answer.has_authenticated() || !equal(answer.authenticated().mac(), view(proof(key, opening, Side::receiver))))
    throw ChannelError(frame::kNotAuthentic);
  channel.seal(std::make_unique<SessionSeal>(key, opening, Side::sender),
               std::make_unique<SessionSeal>(key, opening, Side::receiver));
}

asio::awaitable<std::string> demand_key(Channel& channel, const std::vector<Key>& keys, Clock::time_point deadline,
                                        const std::function<std::string()>& admit) {
  const Opening opening = channel.opening();
  const wire::Message message = co_await channel.receive(deadline - Clock::now(), false);
  const wire::Authenticate& claim = message.authenticate();
  const Key* key = proven(keys, claim.key_name(), claim.mac(), opening);
  if (key == nullptr) {
    channel.send(refusal(frame::kNotAuthentic));
    throw ChannelError(frame::kNotAuthentic);
  }
  if (const std::string why_not = admit(); !why_not.empty()) {
    channel.send(refusal(why_not));
    throw ChannelError(why_not);
  }
  wire::Message answer;
  answer.mutable_authenticated()->set_mac(text_of(proof(*key, opening, Side::receiver)));
  channel.send(answer);
  channel.seal(std::make_unique<SessionSeal>(*key, opening, Side::receiver),
               std::make_unique<SessionSeal>(*key, opening, Side::sender));
  co_return key->name;
}

}  // namespace paceline::signalling
