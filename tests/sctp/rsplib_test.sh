# SPDX-License-Identifier: BSD-3-Clause
# rsplib's unmodified pool elements and pool users on our registrar: h1 is the registrar, h2 and h4 have pool elements,
# h3 the users; all are on both segments, and nobody is told an address. Times are short, so that each event comes soon.
cd "$(dirname "$0")/../.." && . tests/sctp/net.sh
socket=/run/registrard.sock
ask() { tests/sctp/ask $socket "$@"; }
element() { # POOL IDENTIFIER EXPRESSION over e
    ask pool.get "handle=$1" : "(lambda e: $3)(element(r, $2))"
}
registrar() {
    start h1 "$1" build/host/bin/registrard --foreground --config "$OUT/registrard.conf" --control $socket \
        --log-level debug
}
acks() { grep -c "Ack .* from PE \$$2" "$OUT/$1.log"; }   # NAME IDENTIFIER, as rsplib writes it
more_acks() { [ "$(acks "$1" "$2")" -gt "$3" ]; }
received() { ask statistics.get : "r['asap']['received'].get('$1', 0) >= $2"; }

cat >"$OUT/registrard.conf" <<'END'
version = 1;
registrar = {
  identifier = 0x0a0b0c0d;
  asap = { announce = { interval = 500; }; keep-alive = { interval = 1000; timeout = 1000; }; };
};
END
hosts 4 2
fast_sctp
capture h1 wire

registrar registrard
check_within 20 'the registrar serves over SCTP' ask registrar.get : "'sctp' in r['asap_transports']"

# --- one pool element, one user ---
start h2 ping11 rspserver -pingpong -identifier=0x11 -policy=LeastUsed -rereginterval=1000 -logcolor=off -loglevel=4
check_within 30 'a pool element finds the registrar by its announce and registers' \
    ask pool.get handle=PingPongPool : "element(r, 0x11)"
check 'it has its policy, its transport and all its addresses' element PingPongPool 0x11 \
    "e['policy'] == 0x40000001 and e['user']['transport'] == 'SCTP' and
     {'10.1.0.2', '10.2.0.2'} <= set(e['user']['addresses']) and e['home_registrar'] == 0x0a0b0c0d"
start h3 user1 pingpongclient -interval=100 -logcolor=off -loglevel=4
check_within 30 'a pool user resolves the pool and its data flow' more_acks user1 00000011 5
check_within 20 'keep-alives are acknowledged' received ASAP_ENDPOINT_KEEP_ALIVE_ACK 3
check_within 20 're-registrations come' received ASAP_REGISTRATION 4
check 'and the pool has one element still' ask pool.get handle=PingPongPool : "len(r['elements']) == 1"

# --- another pool, Round Robin ---
start h2 calc21 rspserver -calcapp -identifier=0x21 -policy=RoundRobin -logcolor=off -loglevel=4
start h4 calc22 rspserver -calcapp -identifier=0x22 -policy=RoundRobin -logcolor=off -loglevel=4
check_within 30 'two elements make a Round Robin pool' ask pool.get handle=CalcAppPool : \
    "r['pool']['policy'] == 1 and len(r['elements']) == 2"
start h3 calc timeout -s INT 60 calcappclient -jobinterval=0.2 -jobsize=1000 -object=calc -scalar=/run/c.sca \
    -vector=/run/c.vec -logcolor=off -loglevel=4
check_within 30 'a calculation is done' grep -q 'Job .*complete\|Completed\|completed' "$OUT/calc.log"
finish calc INT

# --- multi-homing ---
unplug h2 eth0
before=$(acks user1 00000011)
check_within 30 'with one segment cut the data flow over the other' more_acks user1 00000011 $((before + 10))
check_within 30 'the registrar has seen the loss of the path' ask statistics.get : "r['transport']['paths_lost'] >= 1"
check 'the element stays registered' ask pool.get handle=PingPongPool : "element(r, 0x11)"
plug h2 eth0

# --- orderly stop and failover ---
start h4 ping12 rspserver -pingpong -identifier=0x12 -policy=LeastUsed -rereginterval=1000 -logcolor=off -loglevel=4
check_within 30 'a second element joins the pool' ask pool.get handle=PingPongPool : "element(r, 0x12)"
finish ping11 INT
check_within 10 'an element that stops in order deregisters at once' grep -q \
    'pool element 0x00000011 of pool PingPongPool deregistered' "$OUT/registrard.log"
check 'and is gone' ask pool.get handle=PingPongPool : "not element(r, 0x11) and element(r, 0x12)"
check_within 30 'the user fails over to the other element' more_acks user1 00000012 5

# --- death ---
unplug h4 eth0
unplug h4 eth1
check_within 30 'elements of a host that falls silent are removed' ask pool.get handle=CalcAppPool : \
    "not element(r, 0x22) and element(r, 0x21)"
check_within 30 'and a pool without elements vanishes' ask pools.list : \
    "[p['handle'] for p in r['pools']] == ['CalcAppPool']"
plug h4 eth0
plug h4 eth1
check_within 60 'they register again when the host is back' ask pool.get handle=PingPongPool : "element(r, 0x12)"

# --- the registrar dies ---
finish registrard KILL
registrar registrard2
check_within 60 'elements register again at a registrar that was killed and started anew' \
    ask pool.get handle=PingPongPool : "element(r, 0x12)"
finish user1 INT
start h3 user2 pingpongclient -interval=100 -logcolor=off -loglevel=4
check_within 30 'and users are served' more_acks user2 00000012 3

finish user2 INT
finish ping12 INT
finish calc21 INT
finish calc22 INT
check_within 20 'at the end nothing is registered' ask pools.list : "r['pools'] == []"
check 'and nothing was malformed' ask statistics.get : "r['asap']['malformed'] == 0"
check 'the registrar stops in order' finish registrard2
finish wire
for filter in 'asap.message_type == 1' 'asap.message_type == 2' 'asap.message_type == 6' 'asap.message_type == 8' \
    'asap.message_type == 10'; do
    check "the capture has $filter" test "$(tshark -r "$OUT/wire.pcap" -Y "$filter" 2>/dev/null | wc -l)" -gt 0
done
check 'tshark finds nothing malformed in it' test -z "$(tshark -r "$OUT/wire.pcap" \
    -Y '(asap || enrp) && (_ws.malformed || _ws.expert.severity == error)' 2>/dev/null)"
conclude
