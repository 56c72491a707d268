# SPDX-License-Identifier: BSD-3-Clause
# For the scripts that run under vm: several hosts on several Ethernet segments, and what was proved.
#
#   hosts N [M]           network namespaces h1..hN on M (1) segments; host I is 10.L.0.I and fd00:L::I on eth(L-1)
#   fast_sctp             retransmission timers short enough for a test, in every host made so far
#   on HOST COMMAND...    runs a command in a host
#   start HOST NAME COMMAND...   starts one that stays; output to $OUT/NAME.log
#   finish NAME [SIGNAL]  ends it (TERM) and returns its exit code
#   capture HOST NAME     records the host's packets in $OUT/NAME.pcap until `finish NAME`
#   unplug HOST INTERFACE, plug HOST INTERFACE   pulls the cable, puts it back
#   wait_for SECONDS COMMAND...  until the command succeeds; false when time is over
#   check 'WHAT IT PROVES' COMMAND...   one test: prints "ok - ..." or "not ok - ..." and goes on
#   check_within SECONDS 'WHAT IT PROVES' COMMAND...   the same, with wait_for
#   conclude              ends the script: exit code 0 when every check held
declare -A pids
failures=0

hosts() {
    local n=$1 m=${2:-1} host segment
    for ((segment = 1; segment <= m; segment++)); do
        ip link add "segment$segment" type bridge mcast_snooping 0
        ip link set "segment$segment" up
    done
    for ((host = 1; host <= n; host++)); do
        ip netns add "h$host"
        ip -n "h$host" link set lo up
        for ((segment = 1; segment <= m; segment++)); do
            ip link add "v$host.$segment" type veth peer name "eth$((segment - 1))" netns "h$host"
            ip link set "v$host.$segment" master "segment$segment" up
            ip -n "h$host" link set "eth$((segment - 1))" up
            ip -n "h$host" addr add "10.$segment.0.$host/24" dev "eth$((segment - 1))"
            ip -n "h$host" addr add "fd00:$segment::$host/64" dev "eth$((segment - 1))" nodad
        done
        # rsplib's programs ask the routing table which way a group is.
        ip -n "h$host" route add 239.0.0.0/8 dev eth0
    done
}
fast_sctp() {
    local host
    for host in $(ip netns list | awk '{ print $1 }'); do
        on "$host" sysctl -q -w net.sctp.rto_min=100 net.sctp.rto_initial=200 net.sctp.rto_max=500 \
            net.sctp.path_max_retrans=2 net.sctp.association_max_retrans=6 net.sctp.hb_interval=500
    done
}
on() { ip netns exec "$@"; }
start() {
    local host=$1 name=$2
    shift 2
    ip netns exec "$host" "$@" >"$OUT/$name.log" 2>&1 </dev/null &
    pids[$name]=$! # ip netns exec becomes the command
}
running() { kill -0 "${pids[$1]:-0}" 2>/dev/null; }
finish() {
    local name=$1 code
    [ -n "${pids[$name]:-}" ] || return 0
    kill -s "${2:-TERM}" "${pids[$name]}" 2>/dev/null
    wait "${pids[$name]}" 2>/dev/null
    code=$?
    unset "pids[$name]"
    return $code
}
capture() {
    start "$1" "$2" tcpdump -Z root -B 4096 -U -s 0 -ni any -w "$OUT/$2.pcap"
    wait_for 10 grep -q listening "$OUT/$2.log"
}
# At the bridge's side, as a pulled cable: the host's interface stays up and loses its carrier.
unplug() { ip link set "v${1#h}.$((${2#eth} + 1))" down; }
plug() { ip link set "v${1#h}.$((${2#eth} + 1))" up; }
wait_for() {
    local end=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        [ $SECONDS -lt $end ] || return 1
        sleep 0.1
    done
}
check() {
    local what=$1
    shift
    if "$@" >"$OUT/check.log" 2>&1; then
        echo "ok - $what"
    else
        failures=$((failures + 1))
        echo "not ok - $what"
        sed 's/^/    /' "$OUT/check.log" | tail -n 20
    fi
}
check_within() {
    local seconds=$1 what=$2
    shift 2
    check "$what" wait_for "$seconds" "$@"
}
conclude() { exit $((failures > 0)); }
