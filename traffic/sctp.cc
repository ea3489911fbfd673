// SPDX-License-Identifier: MIT
#include "traffic/sctp.h"

#include <netinet/in.h>
#include <sys/socket.h>
// Needs those before it.
#include <linux/sctp.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>

#include "paceline/error.h"
#include "traffic/file_descriptor.h"

namespace paceline::traffic {

namespace {

constexpr std::uint16_t kStreamsOfListener = 64;

std::string error_text() { return std::generic_category().message(errno); }

template <class Value>
void set_option(int socket, int name, const Value& value, const char* what) {
  if (setsockopt(socket, IPPROTO_SCTP, name, &value, sizeof value) != 0)
    throw SetupError(std::string(what) + ": " + error_text());
}

void set_streams(int socket, std::uint16_t out, std::uint16_t in) {
  sctp_initmsg init{};
  init.sinit_num_ostreams = out;
  init.sinit_max_instreams = in;
  set_option(socket, SCTP_INITMSG, init, "SCTP streams (SCTP_INITMSG)");
}

}  // namespace

std::string sctp_refusal() {
  for (const int family : {AF_INET, AF_INET6}) {
    if (FileDescriptor(socket(family, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_SCTP))) return {};
    if (errno == EAFNOSUPPORT) continue;
    if (errno != EPROTONOSUPPORT && errno != ESOCKTNOSUPPORT) return "opening an SCTP socket: " + error_text();
  }
  return "this kernel has no SCTP: load the sctp module (modprobe sctp), or build it in";
}

void configure_sctp(int socket, std::uint16_t streams, bool no_delay) {
  set_streams(socket, streams, streams);
  set_option(socket, SCTP_NODELAY, int{no_delay}, "SCTP_NODELAY");
}

void configure_sctp_listener(int socket) {
  set_streams(socket, kStreamsOfListener, kMostSctpStreams);
  set_option(socket, SCTP_NODELAY, 1, "SCTP_NODELAY");
}

std::uint16_t sctp_streams_out(int socket) {
  sctp_status status{};
  socklen_t length = sizeof status;
  if (getsockopt(socket, IPPROTO_SCTP, SCTP_STATUS, &status, &length) != 0) return 1;
  return std::max<std::uint16_t>(status.sstat_outstrms, 1);
}

ssize_t send_sctp(int socket, std::span<const std::uint8_t> message, std::uint16_t stream) {
  iovec bytes{const_cast<std::uint8_t*>(message.data()), message.size()};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(sctp_sndinfo))] = {};
  msghdr header{};
  header.msg_iov = &bytes;
  header.msg_iovlen = 1;
  header.msg_control = control;
  header.msg_controllen = sizeof control;
  cmsghdr* info = CMSG_FIRSTHDR(&header);
  info->cmsg_level = IPPROTO_SCTP;
  info->cmsg_type = SCTP_SNDINFO;
  info->cmsg_len = CMSG_LEN(sizeof(sctp_sndinfo));
  sctp_sndinfo about{};
  about.snd_sid = stream;
  std::memcpy(CMSG_DATA(info), &about, sizeof about);
  return sendmsg(socket, &header, MSG_DONTWAIT | MSG_NOSIGNAL);
}

}  // namespace paceline::traffic
