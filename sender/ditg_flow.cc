// SPDX-License-Identifier: MIT
#include "sender/ditg_flow.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <map>
#include <utility>

#include "paceline/profile.h"
#include "paceline/validate.h"
#include "proto/suggest.h"
#include "sender/ditg_models.h"

namespace paceline::sender {

namespace {

constexpr std::uint64_t kKByte = 1024;

// Options that the line may not have here, and what to do instead.
const std::map<std::string, std::string> kRefused{
    {"-l", "packets are logged by the receiver: paceline-recv --record DIR; results come with the run"},
    {"-L", "there is no remote log: results come with the run, paceline-recv --record DIR keeps packets"},
    {"-x", "the receiver's log is its own to write: paceline-recv --record DIR"},
    {"-X", "there is no remote log: results come with the run, paceline-recv --record DIR keeps packets"},
    {"-q", "logs need no buffer here: paceline-recv --record DIR never waits for the disk"},
    {"-Q", "it is no flow: see paceline-send --help for the sender that waits for instructions"},
    {"-Ssa", "signalling leaves as flows without -sa do: say paceline-send ditg --source ADDR"},
    {"-Ssp", "the signalling connection's port is the kernel's choice; nothing depends on it"},
    {"-Si", "signalling leaves as the routes say; a flow's own interface is -i"},
    {"-sk", "there are no serial port triggers: packets are stamped at the sender and in the receiver's TC hook"},
    {"-rk", "there are no serial port triggers: packets are stamped at the sender and in the receiver's TC hook"},
    {"-P", "it is Windows' only: paceline-send ditg --fifo PRIORITY"},
    {"-h", "it is no flow"},
    {"--help", "it is no flow"},
};

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }
char upper(char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; }
bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
std::string lower(std::string text) {
  std::ranges::transform(text, text.begin(), [](char c) { return lower(c); });
  return text;
}

class Line {
 public:
  Line(DitgWords& words, DitgNotes& notes) : words_(words), notes_(notes) {
    flow_.spec.duration = std::chrono::seconds(10);
  }

  DitgFlow read() {
    while (words_.more()) option(words_.next());
    settle_receiver();
    settle_traffic();
    settle_transport();
    check();
    return std::move(flow_);
  }

 private:
  void option(const DitgWord& word) {
    if (const auto refused = kRefused.find(word.text); refused != kRefused.end()) words_.fail(word, refused->second);
    if (application(word) || distribution(word)) return;
    const auto taken = options().find(word.text);
    if (taken == options().end()) unknown(word);
    taken->second(*this, word);
  }

  using Take = std::function<void(Line&, const DitgWord&)>;
  static const std::map<std::string, Take>& options() {
    using Word = const DitgWord&;
    static const std::map<std::string, Take> all{
        {"-H", [](Line& line, Word) { line.flow_.passive = true; }},
        {"-m", &Line::meter},
        {"-t", [](Line& line, Word word) { line.spec().duration = line.time(word, line.words_.above_zero(word)); }},
        {"-z", [](Line& line, Word word) { line.spec().packets = line.words_.count(word, 1, UINT32_MAX); }},
        {"-k", [](Line& line, Word word) { line.spec().bytes = line.words_.count(word, 1, UINT32_MAX) * kKByte; }},
        {"-d", &Line::delay},
        {"-b", &Line::ds_byte},
        {"-f", [](Line& line, Word word) { line.socket().hop_limit = line.small<std::uint8_t>(word, 1); }},
        {"-a", [](Line& line, Word word) { line.address_ = line.words_.value(word); }},
        {"-Sda", [](Line& line, Word word) { line.signalling_ = line.words_.value(word); }},
        {"-Sdp", [](Line& line, Word word) { line.signalling_port_ = line.small<std::uint16_t>(word, 1); }},
        {"-rp", &Line::data_port},
        {"-sa", [](Line& line, Word word) { line.socket().source = line.words_.value(word).text; }},
        {"-sp", &Line::source_port},
        {"-i", [](Line& line, Word word) { line.socket().interface = line.words_.value(word).text; }},
        {"-T", &Line::protocol},
        {"-D", [](Line& line, Word) { line.nagle_ = false; }},
        {"-p", &Line::metadata},
        {"-Ft", [](Line& line, Word word) { line.idt_ = ditg_file(DitgUse::gap, word, line.words_, line.notes_); }},
        {"-Fs", [](Line& line, Word word) { line.size_ = ditg_file(DitgUse::size, word, line.words_, line.notes_); }},
        {"-Fp", &Line::payload},
        {"-B", &Line::bursts},
        {"-s", &Line::seed},
        {"-poll", [](Line& line, Word) { line.spec().pacing = Pacing::busy; }},
        {"-j", &Line::recovery},
    };
    return all;
  }

  PacketFlowSpec& spec() { return flow_.spec; }
  SocketSpec& socket() { return flow_.spec.socket; }
  /// A whole number that the type holds.
  template <class Number>
  Number small(const DitgWord& option, std::uint32_t least) {
    return static_cast<Number>(words_.count(option, least, std::numeric_limits<Number>::max()));
  }

  [[noreturn]] void unknown(const DitgWord& word) const {
    std::vector<std::string> known;
    for (const auto& [name, take] : options()) known.push_back(name);
    const std::string meant = closest(word.text, known);
    words_.fail(
        word, "'" + word.text + "' is no option of ITGSend" + (meant.empty() ? "" : "; did you mean '" + meant + "'?"));
  }

  // -C, -c and their like: capitals are times, small letters sizes.
  bool distribution(const DitgWord& word) {
    if (word.text.size() != 2 || word.text[0] != '-') return false;
    const char letter = word.text[1];
    const DitgUse use = is_lower(letter) ? DitgUse::size : DitgUse::gap;
    const auto model = ditg_model(upper(letter), use, word, words_, notes_);
    if (!model) return false;
    (use == DitgUse::size ? size_ : idt_) = *model;
    return true;
  }

  // The rest of the line is its own.
  bool application(const DitgWord& word) {
    static const std::map<std::string, std::string> kProfiles{{"telnet", "telnet"},
                                                              {"dns", "dns"},
                                                              {"quake3", "quake3"},
                                                              {"csa", "counter-strike:state=active"},
                                                              {"csi", "counter-strike:state=idle"},
                                                              {"voip", "voip"}};
    const auto known = kProfiles.find(lower(word.text));
    if (known == kProfiles.end()) return false;
    application_ = word;
    profile_ = known->second;
    if (known->first == "voip") profile_ = "voip:" + voip_options();
    if (words_.more()) {
      const DitgWord next = words_.next();
      words_.fail(next, "stands behind " + word.text + ", which must come last");
    }
    return true;
  }

  std::string voip_options() {
    std::string codec = "g711.1", header = "rtp", vad = "off";
    const auto all = [&] { return "codec=" + codec + ",header=" + header + ",vad=" + vad; };
    while (words_.more()) {
      const DitgWord word = words_.next();
      if (word.text == "-x") {
        const DitgWord value = words_.value(word);
        codec = lower(value.text);
        std::erase(codec, '.');
        codec.insert(std::min<std::size_t>(4, codec.size()), ".");  // G.711.1 is g711.1 here
      } else if (word.text == "-h") {
        header = lower(words_.value(word).text);
      } else if (lower(word.text) == "-vad") {
        vad = "on";
        notes_.add(words_.line(), "-VAD: silence is not sent at all (ITU-T P.59), where ITGSend makes packets smaller");
      } else {
        words_.fail(word, "is no option of VoIP, and what is none must stand before it");
      }
      try_parameters(word, "voip:" + all());
    }
    return all();
  }

  void try_parameters(const DitgWord& word, const std::string& profile) const {
    try {
      make_profile(profile);
    } catch (const UsageError& error) {
      words_.fail(word, error.what());
    }
  }

  void meter(const DitgWord& option) {
    const DitgWord word = words_.value(option);
    if (lower(word.text) == "owdm")
      flow_.spec.meter = Meter::one_way;
    else if (lower(word.text) == "rttm")
      flow_.spec.meter = Meter::round_trip;
    else
      words_.fail(word, "'" + word.text + "' is no meter: there are owdm and rttm");
  }

  void delay(const DitgWord& option) {
    const double number = words_.number(option);
    if (number < 0) words_.fail(option, "the delay is negative");
    flow_.spec.delay = time(option, number);
  }

  /// Of milliseconds.
  nanoseconds time(const DitgWord& option, double number) const {
    constexpr double kNanoseconds = 1e6;
    if (number * kNanoseconds > static_cast<double>(PacketFlowSpec::kMaxDuration.count()))
      words_.fail(option, "the time is more than 72 h");
    return nanoseconds{std::llround(number * kNanoseconds)};
  }

  void ds_byte(const DitgWord& option) {
    const std::uint32_t byte = words_.count(option, 0, 255);
    flow_.spec.socket.dscp = static_cast<std::uint8_t>(byte >> 2);
    flow_.spec.socket.ecn = static_cast<std::uint8_t>(byte & 3);
  }

  void recovery(const DitgWord& option) {
    flow_.spec.late = words_.count(option, 0, 1) == 1 ? LatePolicy::send : LatePolicy::skip;
  }

  void data_port(const DitgWord& option) {
    words_.count(option, 0, 65535);
    notes_.add(words_.line(),
               "-rp: flows share the receiver's data port, which is found by probing; where a NodePort "
               "leads to it say paceline-send ditg --data-port PORT, or paceline-recv --advertise PORT");
  }

  void source_port(const DitgWord& option) {
    source_port_ = option;
    flow_.spec.socket.source_port = small<std::uint16_t>(option, 0);
  }

  void protocol(const DitgWord& option) {
    const DitgWord word = words_.value(option);
    const std::string name = lower(word.text);
    if (name == "udp")
      transport_ = Transport::udp;
    else if (name == "tcp")
      transport_ = Transport::tcp;
    else if (name == "icmp")
      icmp(option);
    else if (name == "sctp")
      sctp(option);
    else if (name == "dccp")
      words_.fail(word, "DCCP: Linux has none since 6.16; take UDP or TCP");
    else
      words_.fail(word, "'" + word.text + "' is no protocol: there are UDP, TCP, ICMP and SCTP");
  }

  void icmp(const DitgWord& option) {
    constexpr std::uint32_t kEchoRequest = 8;
    transport_ = Transport::icmp;
    if (!words_.value_follows()) return;
    const std::uint32_t type = words_.count(option, 0, 255);
    if (type != kEchoRequest)
      words_.fail(option, "ICMP type " + std::to_string(type) + " is answered by nobody: echo requests are, type 8");
  }

  void sctp(const DitgWord& option) {
    transport_ = Transport::sctp;
    words_.count(option, 0, UINT32_MAX);
    flow_.spec.sctp_streams = static_cast<std::uint16_t>(words_.count(option, 1, 65535));
    notes_.add(words_.line(),
               "-T SCTP: each line is an association of its own, whatever its id, and uses its streams "
               "by turns");
  }

  void metadata(const DitgWord& option) {
    words_.count(option, 0, 2);
    notes_.add(words_.line(), "-p: packets always have all of Paceline's header, 18 bytes");
  }

  void payload(const DitgWord& option) {
    flow_.spec.payload = Payload::file;
    flow_.spec.payload_file = words_.value(option).text;
  }

  void bursts(const DitgWord& option) {
    Bursts bursts;
    bursts.on = period(option);
    bursts.off = period(option);
    bursts_ = bursts;
  }

  Model period(const DitgWord& option) {
    const DitgWord word = words_.value(option);
    if (word.text.size() == 1) {
      if (const auto model = ditg_model(upper(word.text[0]), DitgUse::period, option, words_, notes_)) return *model;
    }
    words_.fail(word, "'" + word.text + "' is no distribution: there are C, U, E, V, Y, N, O, G and W");
  }

  void seed(const DitgWord& option) {
    const double number = words_.number(option);
    if (number <= 0 || number >= 1) words_.fail(option, "the seed must be between 0 and 1");
    flow_.spec.seed = static_cast<std::uint64_t>(std::llround(std::ldexp(number, 53)));
    notes_.add(words_.line(), "-s: the seed settles the flow's packets here, too, but they are others than ITGSend's");
  }

  void settle_receiver() {
    constexpr std::uint16_t kReceiverPort = 9000, kSenderPort = 8997;  // of whom is dialled
    flow_.receiver.port = signalling_port_.value_or(flow_.passive ? kSenderPort : kReceiverPort);
    if (signalling_ && address_ && signalling_->text != address_->text)
      words_.fail(*signalling_, "-Sda: signalling and data go to one address here, and -a names another");
    if (const auto& named = address_ ? address_ : signalling_) flow_.receiver.host = named->text;
    if (source_port_ && flow_.spec.socket.source_port != 0 && flow_.spec.socket.source.empty())
      words_.fail(*source_port_, "needs -sa ADDRESS here: the address that the port is of");
  }

  void settle_traffic() {
    PacketFlowSpec& spec = flow_.spec;
    if (application_) {
      if (idt_ || size_ || bursts_)
        notes_.add(words_.line(), application_->text +
                                      " settles sizes and times, whatever options say of them, as with "
                                      "ITGSend");
      const PacketFlowSpec profile = std::get<PacketFlowSpec>(make_profile(profile_));
      spec.rate_pps = profile.rate_pps;
      spec.size = profile.size;
      spec.model = profile.model;
      profile_transport_ = profile.transport;
      return;
    }
    const Model idt = idt_.value_or(Model{model::Constant{0.001}});
    const Model size = size_.value_or(Model{model::Constant{512}});
    const auto* gap = std::get_if<model::Constant>(&idt.family);
    const auto* bytes = std::get_if<model::Constant>(&size.family);
    if (gap != nullptr && bytes != nullptr && !bursts_) {
      spec.rate_pps = 1 / gap->value;
      if (bytes->value > PacketFlowSpec::kMaxSize) words_.fail("size is above 65507 bytes, the largest UDP payload");
      spec.size = static_cast<std::uint32_t>(std::llround(bytes->value));
      return;
    }
    spec.rate_pps = 0;  // run() works out what the model makes of both
    spec.size = 0;
    spec.model = TrafficModel{.idt = idt, .size = size, .jitter = std::nullopt, .bursts = bursts_};
  }

  void settle_transport() {
    PacketFlowSpec& spec = flow_.spec;
    const bool either = profile_.starts_with("dns");
    spec.transport = application_ && !either ? profile_transport_ : transport_.value_or(Transport::udp);
    if (application_ && transport_ && spec.transport != *transport_)
      notes_.add(words_.line(), "-T: " + application_->text + " is over " + std::string(to_string(spec.transport)) +
                                    ", whatever -T says, as with ITGSend");
    const bool records = spec.transport == Transport::tcp || spec.transport == Transport::sctp;
    spec.no_delay = !records || !nagle_;
    if (spec.transport == Transport::icmp && spec.meter == Meter::one_way) {
      spec.meter = Meter::round_trip;
      notes_.add(words_.line(), "-T ICMP: the far kernel answers, no receiver: what is measured is the round trip");
    }
    if (records && spec.socket.ecn != 0) {
      spec.socket.ecn = 0;
      notes_.add(words_.line(), "-b: its two ECN bits are the kernel's to set with TCP and SCTP");
    }
  }

  void check() const {
    try {
      validate(flow_.spec);
    } catch (const UsageError& error) {
      words_.fail(error.what());
    }
  }

  DitgWords& words_;
  DitgNotes& notes_;
  DitgFlow flow_;
  std::optional<DitgWord> address_, signalling_, source_port_, application_;
  std::string profile_;
  Transport profile_transport_ = Transport::udp;
  std::optional<Transport> transport_;
  std::optional<std::uint16_t> signalling_port_;
  bool nagle_ = true;
  std::optional<Model> idt_, size_;
  std::optional<Bursts> bursts_;
};

}  // namespace

DitgFlow ditg_flow(DitgWords& words, DitgNotes& notes) { return Line(words, notes).read(); }

}  // namespace paceline::sender
