# SPDX-License-Identifier: BSD-3-Clause
# For the scripts about registrars as peers: ours and rsplib's, their pool elements, and what each of them knows.
. tests/sctp/net.sh
ask() { # NAME METHOD ...
    local name=$1
    shift
    tests/sctp/ask "/run/$name.sock" "$@"
}
config() { # NAME IDENTIFIER COMPAT [NO-RESPONSE [LAST-HEARD]]
    cat >"$OUT/$1.conf" <<END
version = 1;
registrar = {
  identifier = $2; compat = "$3";
  asap = { announce = { enabled = false; }; keep-alive = { interval = 1000; timeout = 2000; }; };
  enrp = { heartbeat-interval = 500; max-time-last-heard = ${5:-2000}; max-time-no-response = ${4:-1000}; };
};
END
}
registrar() { # HOST NAME
    start "$1" "$2" build/host/bin/registrard --foreground --config "$OUT/$2.conf" --control "/run/$2.sock" \
        --log-level debug
    wait_for 20 ask "$2" registrar.get : "'sctp' in r['asap_transports']"
}
rsplib_registrar() { # NAME IDENTIFIER
    start h3 "$1" rspregistrar -identifier="$2" "-asap=10.1.0.3:3863,[fd00:1::3]" "-enrp=10.1.0.3:9901,[fd00:1::3]" \
        -peerheartbeatcycle=1000 \
        -peermaxtimelastheard=4000 -peermaxtimenoresponse=1000 -takeoverexpiryinterval=3000 \
        -endpointkeepalivetransmissioninterval=1000 -endpointkeepalivetimeoutinterval=2000 -logcolor=off -loglevel=5
}
element() { # HOST NAME IDENTIFIER REGISTRAR [INTERVAL]; its registration life is three times that
    start "$1" "$2" rspserver -pingpong -identifier="$3" -policy=RoundRobin -rereginterval=${5:-1000} \
        -asapannounce=off -registrar="$4:3863" -logcolor=off -loglevel=5
}
home() { # NAME IDENTIFIER HOME: what that registrar thinks
    ask "$1" pool.get handle=PingPongPool : "element(r, $2).get('home_registrar') == $3"
}
peer() { # NAME IDENTIFIER EXPRESSION over p
    ask "$1" peers.list : "any(p['identifier'] == $2 and ($3) for p in r['peers'])"
}
count() { # NAME EXPRESSION over s, the statistics of ENRP
    ask "$1" statistics.get : "(lambda s: $2)(r['enrp'])"
}
same_view() { # NAME NAME
    [ "$(ask "$1" pools.list | wc -l)" -gt 3 ] && [ "$(view "$1")" = "$(view "$2")" ]
}
view() {
    ask "$1" pool.get handle=PingPongPool | grep -E '"(identifier|home_registrar)"'
    ask "$1" pool.get handle=Many | grep -E '"(identifier|home_registrar)"'
}
at_rsplib() { # IDENTIFIER HOME: what rspregistrar answers
    on h5 build/host/bin/pooltool resolve --registrar 10.1.0.3 --items all --json PingPongPool |
        grep -q "\"id\":\"$(printf 0x%08x "$1")\",\"home\":\"$(printf 0x%08x "$2")\""
}
well_formed() { # NAME... of captures
    local name
    for name; do
        check "tshark finds nothing malformed in $name" test -z "$(tshark -r "$OUT/$name.pcap" \
            -Y '(asap || enrp) && (_ws.malformed || _ws.expert.severity == error)' 2>/dev/null)"
    done
}
has_types() { # NAME TYPE...: ENRP messages in a capture
    local name=$1 type
    shift
    for type; do
        check "the capture has ENRP messages of type $type" test \
            "$(tshark -r "$OUT/$name.pcap" -Y "enrp.message_type == $type" 2>/dev/null | wc -l)" -gt 0
    done
}
