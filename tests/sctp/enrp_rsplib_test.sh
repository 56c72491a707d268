# SPDX-License-Identifier: BSD-3-Clause
# Registrars of ours in compat mode, on h1 and h2, and rsplib's rspregistrar on h3 as peers: the handlespace and updates
# both ways, takeover both ways, three registrars. The rest is as in enrp_test.sh. With two registrars rspregistrar never
# completes a takeover, so that of ours by it is one of three.
cd "$(dirname "$0")/../.." && . tests/sctp/enrp.sh
A=0x0a000001 R=0x05000003 C=0x0c000004
hosts 6
fast_sctp
capture h1 wire
config a $A rsplib 1000 4000
config c $C rsplib 1000 4000
rsplib_registrar r $R
element h4 e31 0x31 10.1.0.3 5000
check_within 30 'an element registers at rspregistrar' at_rsplib 0x31 $R
registrar h1 a
check_within 20 'we find rspregistrar' peer a $R "p['state'] == 'active' and p['connected']"
check_within 20 'and download its handlespace' home a 0x31 $R
element h6 e32 0x32 10.1.0.1 5000
check_within 30 'an element registers here' home a 0x32 $A
check_within 20 'rspregistrar learns of it by an update' at_rsplib 0x32 $A
element h4 e33 0x33 10.1.0.3 5000
check_within 30 'and we of one at rspregistrar' home a 0x33 $R
finish e33 INT
check_within 20 'as of its end' ask a pool.get handle=PingPongPool : "not element(r, 0x33)"
sleep 5
check 'copies live as long as their elements' home a 0x31 $R
check 'on both sides' at_rsplib 0x32 $A
check_within 10 'checksums agree' peer a $R "p['elements'] == 1"
finish r KILL
sleep 1
rsplib_registrar r2 $R
check_within 40 'a new rspregistrar downloads ours' at_rsplib 0x32 $A
check_within 20 'the element of the one that died has us as its home' home a 0x31 $A
check_within 20 'which the new one knows, too' at_rsplib 0x31 $A

# --- takeover of rspregistrar, with nobody else ---
element h4 e35 0x35 10.1.0.3 5000
check_within 30 'an element registers at rspregistrar' home a 0x35 $R
unplug h3 eth0
check_within 30 'cut off, rspregistrar is taken over by us' home a 0x35 $A
sleep 6
check 'its element lives on with us' home a 0x35 $A
plug h3 eth0
check_within 60 'rspregistrar comes back' peer a $R "p['state'] == 'active'"
check_within 30 'and knows the element and its new home' at_rsplib 0x35 $A

# --- three ---
registrar h2 c
check_within 20 'a third registrar joins' peer c $R "p['state'] == 'active'"
check_within 20 'and knows both' peer c $A "p['state'] == 'active'"
element h4 e34 0x34 10.1.0.2 5000
check_within 30 'with an element' home a 0x34 $C
check_within 30 'of which rspregistrar knows' at_rsplib 0x34 $C
config a $A rsplib 60000 20000 # so that rspregistrar is the first to miss the third
kill -HUP "${pids[a]}"
sleep 1
unplug h2 eth0
check_within 60 'rspregistrar, whose identifier is the lowest, takes over the third' home a 0x34 $R
sleep 4
check 'and the element lives on there' home a 0x34 $R
check 'for we have acknowledged' count a "s['sent'].get('ENRP_INIT_TAKEOVER_ACK', 0) >= 1"
config a $A rsplib 1000 4000
kill -HUP "${pids[a]}"
plug h2 eth0
check_within 60 'it comes back' peer a $C "p['state'] == 'active'"
unplug h3 eth0
check_within 60 'one of us two takes over rspregistrar' ask a pool.get handle=PingPongPool : \
    "element(r, 0x34)['home_registrar'] in ($A, $C)"
check_within 20 'with the agreement of the other' same_view a c
sleep 4
check 'and the element lives on' ask c pool.get handle=PingPongPool : "element(r, 0x34)['home_registrar'] in ($A, $C)"
check 'nothing was malformed' count a "s['malformed'] == 0"
for name in e31 e32 e34 e35; do finish $name INT; done
finish a
finish c
finish r2
finish wire
well_formed wire
has_types wire 1 2 3 4 5 6 7 8 9
conclude
