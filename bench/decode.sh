#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Decoding a record file against D-ITG's ITGDec decoding its log, as many packets each, alternating, five pairs:
# medians of packets a second, and the peak resident set. Once into a summary, once into a time series of 100 ms
# (ITGDec -d 100: the average delay alone).
#
#   bench/decode.sh [BUILD/bin] [PACKETS...]     default: build/release/bin 1000000 10000000
#
# D-ITG's log comes from a real run over loopback and is repeated, with times and sequence numbers that go on.
set -euo pipefail

bin=${1:-build/release/bin}
shift || true
sizes=("${@:-1000000}")
[ $# -gt 0 ] || sizes=(1000000 10000000)
pairs=5

for program in ITGSend ITGRecv ITGDec; do
  command -v "$program" >/dev/null || { echo "skipped: $program is missing (apt-get install d-itg)"; exit 77; }
done

work=$(mktemp -d)
receiver=
cleanup() {
  [ -z "$receiver" ] || kill "$receiver" 2>/dev/null || true
  rm -rf "$work"
}
trap cleanup EXIT

make_itg_log() {
  local port=$((20000 + RANDOM % 20000))
  (cd "$work" && exec ITGRecv -Sp $((port + 1)) -l "$work/itg.log" >/dev/null 2>&1) &
  receiver=$!
  for _ in $(seq 50); do
    (exec 3<>"/dev/tcp/127.0.0.1/$((port + 1))") 2>/dev/null && break
    sleep 0.1
  done
  (cd "$work" && timeout 30 ITGSend -a 127.0.0.1 -Sdp $((port + 1)) -rp "$port" -C 40000 -c 64 -t 4000 -poll \
    -x "$work/itg.log" >/dev/null 2>&1)
  kill -INT "$receiver"
  wait "$receiver" 2>/dev/null || true
  receiver=
}

median() { sort -g | sed -n "$(((pairs + 1) / 2))p"; }

# compare PACKETS WHAT [OPTIONS OF OURS] -- [OPTIONS OF ITGDec]
compare() {
  local packets=$1 what=$2
  shift 2
  local ours_options=()
  while [ "$1" != -- ]; do ours_options+=("$1"); shift; done
  shift
  : >"$work/ours"
  : >"$work/theirs"
  for _ in $(seq "$pairs"); do
    "$bin/bench_decode" time "$bin/paceline-decode" replay "${ours_options[@]}" "$work/flow.plr" >>"$work/ours"
    (cd "$work" && exec "$bin/bench_decode" time ITGDec "$work/repeated.log" "$@") >>"$work/theirs"
  done
  local ours theirs ours_kib theirs_kib
  ours=$(cut -d' ' -f1 "$work/ours" | median)
  theirs=$(cut -d' ' -f1 "$work/theirs" | median)
  ours_kib=$(cut -d' ' -f2 "$work/ours" | median)
  theirs_kib=$(cut -d' ' -f2 "$work/theirs" | median)
  awk -v n="$packets" -v what="$what" -v a="$ours" -v b="$theirs" -v ra="$ours_kib" -v rb="$theirs_kib" \
    -v sa="$(stat -c %s "$work/flow.plr")" -v sb="$(stat -c %s "$work/repeated.log")" 'BEGIN {
      printf "| %d, %s | %.2f M/s | %.2f M/s | %.1f x | %.1f | %.1f | %.2f | %.2f |\n", n, what, n / a / 1e6, n / b / 1e6,
             b / a, ra / 1024, rb / 1024, sa / n, sb / n }'
}

bin=$(realpath "$bin")
make_itg_log
echo "| packets | paceline-decode | ITGDec | ratio | MiB resident | ITGDec's | bytes a packet on disk | ITG's |"
echo "|---|---|---|---|---|---|---|---|"
for packets in "${sizes[@]}"; do
  rm -f "$work"/*.plr "$work/repeated.log"
  "$bin/bench_decode" record "$work/flow.plr" "$packets"
  "$bin/bench_decode" repeat "$work/itg.log" "$work/repeated.log" "$packets"
  compare "$packets" summary --
  compare "$packets" "rows of 100 ms" --series 100ms -- -d 100 "$work/delay.dat"
done
echo
echo "Decoding while packets arrive: $("$bin/bench_decode" live 2000000) ns a packet," \
  "$("$bin/bench_decode" runs 20000000) in super-packets of 128."
