# SPDX-License-Identifier: MIT
#
# What runs inside the emulated machine: each flow's result between two lines that test_debian_kernel.py looks for.
echo "KERNEL $(uname -r)"

iproute2 netns add far
iproute2 link add near type veth peer name eth0 netns far
iproute2 addr add 10.9.0.1/24 dev near
iproute2 addr add fd09::1/64 dev near nodad
iproute2 link set near up
iproute2 netns exec far iproute2 addr add 10.9.0.2/24 dev eth0
iproute2 netns exec far iproute2 addr add fd09::2/64 dev eth0 nodad
iproute2 netns exec far iproute2 link set eth0 up
iproute2 netns exec far iproute2 link set lo up

iproute2 netns exec far paceline-recv > /tmp/recv.log 2>&1 &
/bin/paceline-recv --port 9100 --data-port 9101 --bind 127.0.0.1 --tc off > /tmp/local.log 2>&1 &
for log in /tmp/recv.log /tmp/local.log; do
  tries=0
  until grep -q listening: $log || [ $tries -ge 60 ]; do tries=$((tries + 1)); sleep 0.5; done
done

flow() {
  name=$1
  shift
  paceline-send latency "$@" --json > /tmp/out.json 2> /tmp/err.txt
  code=$?
  echo "BEGIN $name $code"
  cat /tmp/out.json
  echo
  echo "END $name"
  sed 's/^/ERR /' /tmp/err.txt
}

flow sctp_loopback 127.0.0.1:9100 --data-port 9101 --protocol sctp --rate 100 --size 300 --duration 2s
flow sctp_ipv4 10.9.0.2 --protocol sctp --rate 100 --size 200 --duration 2s
flow sctp_streams_ipv6 '[fd09::2]:9000' --protocol sctp --sctp-streams 4 --rate 100 --size 1000 --duration 2s
flow sctp_round_trip 10.9.0.2 --protocol sctp --sctp-streams 3 --meter round-trip --rate 50 --size 4000 --duration 2s
flow sctp_sizes 10.9.0.2 --protocol sctp --idt exponential:mean=10ms --size uniform:min=18,max=3000 --seed 7 --duration 2s
flow tcp_records 10.9.0.2 --protocol tcp --rate 100 --size 200 --duration 2s
flow udp_clsact 10.9.0.2 --rate 100 --size 200 --duration 2s
echo DONE
sed 's/^/RECV /' /tmp/recv.log
