// SPDX-License-Identifier: MIT
#pragma once

#include <asio/ip/address.hpp>
#include <asio/thread_pool.hpp>
#include <cstdint>
#include <map>
#include <memory>

#include "paceline/receiver.h"
#include "receiver/admission.h"
#include "receiver/credentials.h"
#include "receiver/data_path.h"
#include "receiver/followers.h"
#include "receiver/record_store.h"
#include "receiver/stamping.h"
#include "receiver/tcp_door.h"
#include "signalling/impostors.h"
#include "traffic/clock_exchange.h"
#include "traffic/host.h"
#include "traffic/record_reader.h"
#include "traffic/worker.h"

namespace paceline::receiver {

/// What all sessions of a receiver share; outlives them. Used on the signalling thread only.
struct Service {
  const ReceiverSpec& spec;
  Followers& observer;  // who tells those who follow, and the receiver's own observer
  DataPath& data_path;
  TcpDoor& door;
  traffic::RecordReader& records;
  const StampLadder& ladder;
  Credentials& credentials;
  RecordStore& record_store;
  asio::thread_pool& file_worker;  // begins and ends record files, which may take as long as the disk does
  std::uint16_t data_port = 0;
  traffic::WorkerOptions workers;
  traffic::ClockIdentity clock;
  traffic::HostReading host;

  signalling::Impostors impostors;

  // What is in use, held against the limits.
  GrantedFlows flows;
  std::map<asio::ip::address, std::uint32_t> sessions_by_client;
  std::uint32_t sessions = 0;
  bool draining = false;  // nobody new is served
};

}  // namespace paceline::receiver
