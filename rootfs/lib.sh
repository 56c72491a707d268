# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# Shared by the scripts of this folder. PROGRAM is the caller's name in messages.
PROGRAM=$(basename "$0")
PATH=$PATH:/usr/sbin:/sbin

fail() {
  echo "$PROGRAM: $*" >&2
  exit 1
}

# need_space FOLDER MIB: better to refuse than to leave half a file
need_space() {
  local free
  mkdir -p "$1"
  free=$(df -Pm "$1" | awk 'NR == 2 { print $4 }')
  [ "$free" -ge "$2" ] || fail "$1 has $free MiB free, $2 MiB are needed: make room there, or build elsewhere with BUILD=FOLDER"
}

need_root() { [ "$(id -u)" = 0 ] || fail "must be root (the Makefile uses sudo)"; }

as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }
