// SPDX-License-Identifier: MIT
//
// A receiver's session with a hostile sender, from the first byte to the last. The input is a script of what the sender
// says and does: right or wrong messages, in any order, with anything merged into them, raw bytes, probes and packets
// at the data port. Whatever it was: what the receiver says makes sense, and nothing of the session is left.
#include <netinet/in.h>
#include <poll.h>

#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <chrono>
#include <memory>
#include <optional>

#include "proto/convert.h"
#include "receiver/session.h"
#include "tests/fuzz/hostile_peer.h"
#include "tests/fuzz/script.h"
#include "traffic/clock_source.h"

namespace {

using namespace paceline;
using namespace std::chrono_literals;

constexpr std::size_t kLongest = 4096;
constexpr auto kEndLimit = 20s;  // for a session to end when its sender is gone; sanitizers are slow

ReceiverSpec receiver_spec() {
  ReceiverSpec spec;
  spec.bind = "127.0.0.1";
  spec.port = spec.data_port = 0;
  spec.workers = 1;
  spec.tc = TcMode::off;
  return spec;
}

/// All of a receiver but the socket that accepts; made once.
class Receiver {
 public:
  Receiver() { data_path_.open(ladder_, nanoseconds{0}); }

  asio::io_context& io() { return io_; }
  receiver::Service& service() { return service_; }

  /// Nobody holds anything.
  bool idle() const { return service_.flows.empty() && service_.sessions == 0 && service_.sessions_by_client.empty(); }

 private:
  static traffic::WorkerOptions one_worker() {
    traffic::WorkerOptions workers;
    workers.count = 1;
    return workers;
  }

  asio::io_context io_{1};
  ReceiverSpec spec_ = receiver_spec();
  traffic::WorkerOptions workers_ = one_worker();
  receiver::TcpDoor door_{spec_.bind, 0, workers_};
  receiver::StampLadder ladder_{spec_, door_.port(), {door_.port()}};
  receiver::DataPath data_path_{spec_.bind, door_.port(), workers_};
  traffic::RecordReader records_{workers_};
  receiver::Credentials credentials_{spec_};
  ReceiverObserver observer_;
  receiver::Followers followers_{observer_, spec_.limits};
  receiver::RecordStore store_{spec_.record_directory, spec_.limits};
  asio::thread_pool file_worker_{1};
  receiver::Service service_{.spec = spec_,
                             .observer = followers_,
                             .data_path = data_path_,
                             .door = door_,
                             .records = records_,
                             .ladder = ladder_,
                             .credentials = credentials_,
                             .record_store = store_,
                             .file_worker = file_worker_,
                             .data_port = door_.port(),
                             .workers = workers_,
                             .clock = traffic::read_clock_identity(),
                             .host = {},
                             .impostors = {},
                             .flows = {},
                             .sessions_by_client = {}};
};

struct Offered {
  std::uint32_t flow_id = 0;
  packet::Secret secret{};
  packet::Nonce nonce{};  // of the last reply
};

class Conversation {
 public:
  Conversation(Receiver& receiver, Script script) : receiver_(receiver), script_(script), peer_(open_session()) {}
  ~Conversation() { close(data_socket_); }
  Conversation(const Conversation&) = delete;
  Conversation& operator=(const Conversation&) = delete;

  void run() {
    while (!script_.over() && !over_) {
      step();
      receiver_.io().restart();
      receiver_.io().poll();
      for (const wire::Message& message : peer_.heard()) take(message);
    }
    peer_.close();
    const auto limit = std::chrono::steady_clock::now() + kEndLimit;
    receiver_.io().restart();
    while (!over_) {
      EXPECT(std::chrono::steady_clock::now() < limit);
      receiver_.io().run_one_for(1s);
      receiver_.io().restart();
    }
    receiver_.io().poll();
    EXPECT(receiver_.idle());
  }

 private:
  /// Returns the sender's end.
  int open_session() {
    int ends[2];
    EXPECT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
    asio::ip::tcp::socket socket(receiver_.io());
    socket.assign(asio::ip::tcp::v4(), ends[0]);
    const auto session = std::make_shared<receiver::Session>(
        signalling::Channel::create(std::move(socket), signalling::kMaxOpening), receiver_.service());
    asio::co_spawn(
        receiver_.io(), [session]() -> asio::awaitable<void> { co_await session->run(); },
        [this](const std::exception_ptr&) { over_ = true; });
    return ends[1];
  }

  void step() {
    wire::Message message;
    switch (script_.next<std::uint8_t>() % 16) {
      case 0: return peer_.write(std::string(frame::kPreamble));
      case 1: return peer_.write(script_.text());
      case 2: return peer_.write(frame::encode(script_.text()));
      case 3: return say_hello();
      case 4: return open_flow();
      case 5: return start_flow();
      case 6: message.mutable_flow_done()->set_flow_id(flow().flow_id); break;
      case 7:
        message.mutable_read_record()->set_flow_id(flow().flow_id);
        message.mutable_read_record()->set_most(65536);
        break;
      case 8: message.mutable_record_taken()->set_flow_id(flow().flow_id); break;
      case 9: message.mutable_subscribe(); break;
      case 10: message.mutable_heartbeat(); break;
      case 11: message.mutable_run_request(); break;
      case 12: return probe();
      case 13: return send_packet();
      case 14: return peer_.half_close();
      case 15:
        receiver_.io().restart();
        receiver_.io().run_one_for(1ms);
        return;
    }
    peer_.say(message, script_.text());
  }

  void say_hello() {
    wire::Message message;
    wire::Hello& hello = *message.mutable_hello();
    hello.set_lowest_version(1);
    hello.set_highest_version(1);
    hello.set_nonce(std::string(packet::Nonce{}.size(), 'n'));
    const std::uint8_t how = script_.next<std::uint8_t>();
    if (how & 1) hello.add_features("follow");
    if (how & 2) hello.add_features("remote");
    if (how & 4) peer_.write(std::string(frame::kPreamble));
    peer_.say(message, script_.text());
  }

  void open_flow() {
    wire::Message message;
    wire::OpenFlow& request = *message.mutable_open_flow();
    request.set_request(++requests_);
    const std::uint8_t how = script_.next<std::uint8_t>();
    request.set_record((how & 0x80) != 0);
    PacketFlowSpec packets;
    packets.duration = 50ms;
    TcpFlowSpec tcp;
    tcp.duration = 50ms;
    switch (how % 5) {
      case 0: wire::to_wire(packets, *request.mutable_packets()); break;
      case 1:
        packets.transport = Transport::tcp;
        wire::to_wire(packets, *request.mutable_packets());
        break;
      case 2: wire::to_wire(tcp, *request.mutable_tcp()); break;
      case 3:
        tcp.direction = Direction::reverse;
        wire::to_wire(tcp, *request.mutable_tcp());
        break;
      case 4: wire::to_wire(ConnectionFlowSpec{}, *request.mutable_connections()); break;
    }
    peer_.say(message, script_.text());
  }

  void start_flow() {
    const Offered& offered = flow();
    wire::Message message;
    wire::StartFlow& request = *message.mutable_start_flow();
    request.set_flow_id(offered.flow_id);
    request.set_nonce(std::string(offered.nonce.begin(), offered.nonce.end()));
    request.set_start((traffic::now<SenderClock>() + 1ms * script_.next<std::uint8_t>()).time_since_epoch().count());
    wire::to_wire(PathResult{}, *request.mutable_path());
    wire::to_wire(ClockResult{}, *request.mutable_clock());
    peer_.say(message, script_.text());
  }

  /// At the data port, and the reply, if one comes soon.
  void probe() {
    Offered& offered = flow();
    const std::uint8_t how = script_.next<std::uint8_t>();
    packet::Probe probe;
    probe.flow_id = offered.flow_id;
    probe.attempt = how;
    probe.secret = offered.secret;
    probe.nonce = offered.nonce;
    if (how & 0x80) probe.secret[0] ^= 1;
    (void)!send(data_socket_, packet::encode(probe).data(), packet::kProbeSize, 0);
    pollfd readable{data_socket_, POLLIN, 0};
    if (offered.flow_id == 0 || poll(&readable, 1, 2) != 1) return;
    std::uint8_t bytes[2048];
    const ssize_t size = recv(data_socket_, bytes, sizeof bytes, MSG_DONTWAIT);
    if (size < 0) return;
    EXPECT(static_cast<std::size_t>(size) <= packet::kProbeSize);
    const auto reply = packet::decode_probe_reply({bytes, static_cast<std::size_t>(size)});
    // It may be a late one, to an earlier probe: its attempt says to which, and whether that knew the secret.
    EXPECT(reply.has_value() && (reply->attempt & 0x80) == 0);
    if (reply->flow_id == offered.flow_id) offered.nonce = reply->nonce;
  }

  void send_packet() {
    std::uint8_t bytes[512]{};
    packet::Header header;
    header.flow_id = flow().flow_id;
    header.sequence = script_.next<std::uint16_t>();
    header.send_time = static_cast<std::uint64_t>(traffic::now<SenderClock>().time_since_epoch().count());
    packet::encode(header, bytes);
    (void)!send(data_socket_, bytes, sizeof bytes, 0);
  }

  void take(const wire::Message& message) {
    switch (message.body_case()) {
      case wire::Message::kFlowOffer: {
        Offered offered;
        offered.flow_id = message.flow_offer().flow_id();
        EXPECT(message.flow_offer().secret().size() == offered.secret.size());
        std::copy_n(message.flow_offer().secret().begin(), offered.secret.size(), offered.secret.begin());
        offered_.push_back(offered);
        break;
      }
      case wire::Message::kRefused: EXPECT(!message.refused().reason().empty()); break;
      case wire::Message::kWelcome:
      case wire::Message::kPathConfirmed:
      case wire::Message::kFlowStarted:
      case wire::Message::kInterval:
      case wire::Message::kFlowSummary:
      case wire::Message::kRecordPart:
      case wire::Message::kFollowing:
      case wire::Message::kFlowNews: break;
      default: EXPECT(message.has_heartbeat());  // nothing else is a receiver's to send
    }
  }

  /// One that was offered, as the script chooses; one of nobody's if none was.
  Offered& flow() {
    static Offered nobodys;
    nobodys = {};
    const std::uint8_t which = script_.next<std::uint8_t>();
    return offered_.empty() ? nobodys : offered_[which % offered_.size()];
  }

  int open_data_socket() const {
    const int end = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    to.sin_port = htons(receiver_.service().data_port);
    EXPECT(connect(end, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0);
    return end;
  }

  Receiver& receiver_;
  Script script_;
  bool over_ = false;
  HostilePeer peer_;
  int data_socket_ = open_data_socket();
  std::vector<Offered> offered_;
  std::uint32_t requests_ = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static Receiver receiver;
  if (size > kLongest) return 0;
  Conversation(receiver, Script({data, size})).run();
  return 0;
}
