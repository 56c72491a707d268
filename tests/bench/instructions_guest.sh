#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# User instructions that a registrar spends on one handle resolution, ours and rsplib's, counted by callgrind. Runs under
# tests/sctp/vm (`make bench-instructions`). The same pool elements and the same requests go to both; what start-up and
# registration cost is taken away by counting twice, with few and with many resolutions.
set -u
. "$(dirname "${BASH_SOURCE[0]}")/../sctp/net.sh"
tool=build/host/bin/pooltool
elements=1000 few=200 many=4200

ours() {
    cat >"$OUT/registrard.conf" <<END
version = 1;
registrar = {
  asap = { addresses = [ "10.1.0.1" ]; tcp = false; announce = { enabled = false; };
           keep-alive = { interval = 3600000; timeout = 3600000; }; };
  enrp = { enabled = false; };
  limits = { requests-per-second = 1000000; };
};
END
    exec valgrind --tool=callgrind --callgrind-out-file=/dev/null --log-file="$OUT/$1" \
        build/host/bin/registrard --foreground --config "$OUT/registrard.conf" --control "/tmp/$1.sock"
}
rsplib() {
    exec valgrind --tool=callgrind --callgrind-out-file=/dev/null --log-file="$OUT/$1" \
        rspregistrar -asap=10.1.0.1:3863 -asapannounce=off -enrp=10.1.0.1:9901 -enrpannounce=off -loglevel=1 \
        -endpointkeepalivetransmissioninterval=3600000 -endpointkeepalivetimeoutinterval=3600000 \
        -maxhrrate=1000000 -maxeurate=1000000
}

# Instructions of a registrar's whole life with N resolutions.
count() {
    local who=$1 n=$2 log=$1.$2
    export -f "$who"
    export OUT
    start h1 "$log.out" bash -c "$who $log"
    wait_for 60 on h1 sh -c "ss -Sln | grep -q 10.1.0.1.*:3863" || { echo "$who does not serve" >&2; cat "$OUT/$log.out" >&2; exit 1; }
    start h2 "$log.pe" $tool register --registrar 10.1.0.1 --pool Bench --user tcp:10.1.0.2:7 --life forever \
        --count $elements --timeout 60 --leave --for 3600 --policy "$policy"
    wait_for 120 on h2 $tool resolve --registrar 10.1.0.1 Bench --timeout 30 --quiet
    wait_for 120 sh -c "[ \$(grep -c registered '$OUT/$log.pe.log') -ge $elements ]"
    on h2 $tool resolve --registrar 10.1.0.1 Bench --count "$n" --items 3 --timeout 60 --quiet >"$OUT/$log.pu.log" 2>&1 ||
        { echo "$who: resolution failed" >&2; cat "$OUT/$log.pu.log" >&2; exit 1; }
    finish "$log.out" INT
    finish "$log.pe" KILL
    sed -n 's/.*Collected : \([0-9]*\).*/\1/p' "$OUT/$log"
}

hosts 2
for policy in rr lu; do
    for who in ours rsplib; do
        a=$(count $who $few) && b=$(count $who $many) || exit 1
        printf 'registrar    %-7s %s resolution of 3 out of %d over SCTP   %6d user instructions\n' \
            "$([ $who = ours ] && echo Poolward || echo rsplib)" "$policy" $elements $(((b - a) / (many - few)))
    done
done
