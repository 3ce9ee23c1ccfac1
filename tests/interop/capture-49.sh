#!/usr/bin/env bash
# The reference session of `wharf demo` as tcpdump sees it: the rows that must appear, in their order.
#
# Usage: tests/interop/capture-49.sh WHARF [CHECK]       as root, with ports 20 and 21 free
#
# WHARF is the binary; CHECK is the example check-reference of crates/ladder, built here where it is not
# given. The ladder that the demo prints must have the same rows as one drawn from tcpdump's capture.
set -euo pipefail
wharf=$(realpath -- "${1:?usage: capture-49.sh WHARF [CHECK]}")
root=$(realpath -- "$(dirname -- "${BASH_SOURCE[0]}")/../..")
check=(cargo run --quiet --manifest-path "$root/Cargo.toml" -p wharf-ladder
    --example check-reference --)
if (($# > 1)); then check=("$(realpath -- "$2")"); fi

folder=$(mktemp -d)
tcpdump='' tail=''
clean() {
    for pid in $tail $tcpdump; do kill "$pid" 2>/dev/null || true; done
    rm -rf -- "$folder"
}
trap clean EXIT
fail() { printf 'capture-49: %s\n' "$*" >&2; exit 1; }

# tcpdump says on which interface it is listening once it is.
mkfifo "$folder/said"
# In immediate mode each frame takes a slot of its longest length, so the buffer has to be large.
tcpdump -i lo --immediate-mode -U -s 65535 -B 65536 -w "$folder/session.cap" \
    'tcp port 20 or tcp port 21 or udp port 9' 2>"$folder/said" &
tcpdump=$!
exec 3<"$folder/said"
until [[ ${line:-} == *'listening on'* ]]; do
    read -r -t 10 line <&3 || fail "tcpdump does not listen: ${line:-it said nothing}"
done

"$wharf" demo >"$folder/printed" || fail "wharf demo ended with $?"

# What lies before this datagram in the capture has been written when the datagram has.
mark="end of $folder"
exec 4< <(exec tail -c +1 -f "$folder/session.cap")
tail=$!
printf '%s\n' "$mark" >/dev/udp/127.0.0.1/9
timeout 10 grep -a -q -m 1 -F -- "$mark" <&4 || fail "tcpdump has not written all it saw"
kill -INT "$tcpdump"
wait "$tcpdump" || fail "tcpdump ended with $?"
tcpdump=''
said=$(cat <&3)
[[ $said == *$'\n0 packets dropped'* ]] || fail "tcpdump has not seen all: $said"

# The rows alone, without their times and the lines between them: two clocks, one session.
rows() { LC_ALL=C sed -nE 's/^( *[0-9]+ [CD].) {0,7}[-+.0-9]* +/\1 /p' "$1"; }
[[ $(rows "$folder/printed" | head -n 1) == *'│21' ]] ||
    fail "the demo was not on port 21: is it free, and are you root?"
"${check[@]}" --draw "$folder/session.cap" 21 >"$folder/drawn" ||
    { cat -- "$folder/printed" "$folder/drawn"; fail "not the reference session"; }
diff <(rows "$folder/printed") <(rows "$folder/drawn") ||
    fail "the demo (<) and tcpdump (>) do not have the same rows"
(($(rows "$folder/printed" | wc -l) >= 49)) || fail "the demo printed fewer than 49 rows"
tail -n 1 "$folder/drawn"
