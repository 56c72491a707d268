# SPDX-License-Identifier: BSD-3-Clause
# The transport over kernel SCTP between three hosts on two segments; transport_guest.c has the tests.
cd "$(dirname "$0")/../.." && . tests/sctp/net.sh
hosts 3 2
fast_sctp
exec build/host/tests/transport_guest
