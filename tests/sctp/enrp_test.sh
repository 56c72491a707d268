# SPDX-License-Identifier: BSD-3-Clause
# Registrars of ours as peers (RFC 5353) on h1 and h2: download, update, audit, takeover, orderly stop. Pool elements are
# rsplib's on h4 and h6 and pooltool's on h5; each is told one registrar, so that a new home is one that has called it.
# Times are short, so that each event comes soon. To force a takeover links are cut, not processes killed.
cd "$(dirname "$0")/../.." && . tests/sctp/enrp.sh
A=0x0a000001 B=0x0b000002
hosts 6
fast_sctp

capture h1 wire
config a $A rfc
config b $B rfc
registrar h1 a
element h4 e11 0x11 10.1.0.1
start h5 many build/host/bin/pooltool register --registrar 10.1.0.1 --pool Many --id 0x1000 --count 300 \
    --user udp:10.1.0.5:7 --life 300 --interval 100000 --quiet
check_within 30 'elements register at the first registrar' ask a pool.get handle=Many : \
    "r['pool']['elements'] == 300"
check_within 30 'one of rsplib, too' home a 0x11 $A

registrar h2 b
check_within 20 'the second finds it by multicast' peer b $A "p['state'] == 'active' and p['connected']"
check_within 20 'and downloads its handlespace' ask b pool.get handle=Many : "r['pool']['elements'] == 300"
check 'as it is' same_view a b
check 'each element with its home' home b 0x11 $A

element h6 e12 0x12 10.1.0.2
check_within 30 'an update tells the first of an element at the second' home a 0x12 $B
check_within 20 'checksums agree' peer a $B "p.get('checksum') == $(ask b registrar.get |
    sed -n 's/.*"checksum": \([0-9]*\).*/\1/p')"
check 'and nothing had to be synchronised' count a "s['synchronizations'] == 0"

# --- audit: they are apart for a while, but not so long that one takes over the other ---
for name in a b; do
    config $name "$([ $name = a ] && echo $A || echo $B)" rfc 60000
    kill -HUP "${pids[$name]}"
done
sleep 1
unplug h2 eth0
check_within 30 'the association ends with the cable' peer a $B "not p['connected'] and p['state'] == 'probed'"
finish many INT
check_within 20 'elements leave meanwhile' ask a pools.list : "[p['handle'] for p in r['pools']] == ['PingPongPool']"
element h4 e13 0x13 10.1.0.1
check_within 20 'and one comes' home a 0x13 $A
plug h2 eth0
check_within 60 'an audit finds what was missed' ask b pools.list : \
    "[p['handle'] for p in r['pools']] == ['PingPongPool']"
check_within 20 'on both sides' same_view a b
check 'by synchronisation' count b "s['synchronizations'] >= 1 and s['elements_swept'] > 200"
check 'nothing was taken over' count a "s['takeovers'] == 0"
for name in a b; do
    config $name "$([ $name = a ] && echo $A || echo $B)" rfc
    kill -HUP "${pids[$name]}"
done

# --- takeover ---
unplug h2 eth0
check_within 30 'cut off, the second is dead for the first' peer a $B "p['state'] == 'dead'"
check_within 5 'which takes over its elements at once' home a 0x12 $A
check_within 20 'the element heeds the home-flagged keep-alive and registers there' \
    grep -q '0x00000012.*re-registered' "$OUT/a.log"
sleep 5
check 'and lives on with its new home' home a 0x12 $A
check 'one takeover' count a "s['takeovers'] == 1"
plug h2 eth0
check_within 60 'it comes back' peer a $B "p['state'] == 'active'"
check_within 60 'and both agree again' same_view a b
check 'no element was lost' ask a pool.get handle=PingPongPool : "len(r['elements']) == 3"

# --- orderly stop ---
element h4 e14 0x14 10.1.0.2
check_within 30 'an element registers at the second' home a 0x14 $B
finish b
check_within 5 'which stops in order and hands it over at once' home a 0x14 $A
sleep 3
check 'it lives on' home a 0x14 $A
check 'nothing was malformed' count a "s['malformed'] == 0 and s['unrecognized'] == 0"
for name in e11 e12 e13 e14; do finish $name INT; done
finish a
finish wire
well_formed wire
has_types wire 1 2 3 4 5 6
conclude
