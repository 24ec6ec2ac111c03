"""What runs on the host, in plain POSIX shell: read wholly before any of it is run, then called function by function.

It goes through standard input, so nothing of it is in a process list. Each call is one compound command: cut off anywhere, it
is a syntax error and nothing runs. The lock is a file descriptor of this very shell and of all that it starts: a change whose
client is gone holds it until it is over. Files of a user are read and written as that user: links in a home lead nowhere else.
"""

from __future__ import annotations

import base64
import re
from typing import Final

READY: Final = "ready"

# Reading and writing authorized_keys; run as the user, with the file and more as arguments. What the shell can do itself it does:
# each program costs the host more than all of the rest.
_ABOVE: Final = r"""
above() { case $1 in /*/* | [!/]*/*) p=${1%/*};; /*) p=/;; *) p=.;; esac; }
"""
_READ: Final = r"""
tell() {
  f=$1; top=$2; set --
  above "$f"
  [ ! -L "$f" ] || exit 21
  [ ! -L "$p" ] || exit 22
  while :; do
    [ ! -e "$p" ] || set -- "$@" "$p"
    [ "$p" != "$top" ] && [ "$p" != / ] && [ "$p" != . ] || break
    above "$p"
  done
  is=absent
  if [ -e "$f" ]; then
    [ -f "$f" ] || exit 23
    is=file; set -- "$@" "$f"
  fi
  modes=
  [ "$#" = 0 ] || modes=$(stat -c "mode %a %u %n %s" -- "$@") || exit
  printf "%s\n%s " "$modes" "$is"
  if [ "$is" = file ]; then
    [ "${modes##* }" -le 262144 ] || exit 24
    lines=$(base64 <"$f") || exit
    printf %s $lines
  fi
  printf "\n"
}
top=$1; shift
for file do tell "$file" "$top"; done
"""
_WRITE: Final = r"""
f=$1
above "$f"; d=$p
[ ! -L "$f" ] || exit 21
[ ! -L "$d" ] || exit 22
[ -d "$d" ] || mkdir -m 700 "$d" || exit 30
for left in "$d"/.keyward.??????; do
  [ ! -e "$left" ] && [ ! -L "$left" ] || rm -f "$left"
done
t=$(mktemp "$d/.keyward.XXXXXX") || exit 31
trap "rm -f \"\$t\"" EXIT
base64 -d >"$t" || exit 32
if [ -e "$f" ]; then
  sum=$(sha256sum <"$f"); [ "${sum%% *}" = "$2" ] || exit 33
  was=$(stat -c "%a %u:%g" "$f"); mode=${was% *}; owner=${was#* }
  chmod "$mode" "$t" || exit 34
  [ "$(stat -c %u:%g "$t")" = "$owner" ] || chown "$owner" "$t" || exit 34
  ! command -v chcon >/dev/null || chcon --reference="$f" "$t" 2>/dev/null || :
else
  [ "$2" = absent ] || exit 33
  chmod 600 "$t" || exit 34
fi
sum=$(sha256sum <"$t"); [ "${sum%% *}" = "$3" ] || exit 35
sync "$t" || exit 36
mv -f "$t" "$f" || exit 37
trap - EXIT
sync "$d" || exit 36
"""

_FUNCTIONS: Final = r"""
kw_do() {
  kw_id=$1; shift
  kw_out=$("$@" 2>&1 </dev/null); kw_rc=$?
  [ -z "$kw_out" ] || kw_out=$(printf %s "$kw_out" | base64)
  # Unquoted: the lines of base64 become words, which printf puts one behind the other.
  printf 'keyward %s %s ' "$kw_id" "$kw_rc"; printf %s $kw_out; printf '\n'
}
kw_lock() {
  kw_rc=1
  if { [ -d /run/keyward ] || mkdir -p -m 700 /run/keyward; } && : >>"/run/keyward/$2.lock"; then
    exec 9>>"/run/keyward/$2.lock"
    kw_rc=0; kw_left=$(($3 * 5))
    until flock -n 9; do
      [ "$kw_left" -gt 0 ] || { kw_rc=75; break; }
      kw_left=$((kw_left - 1)); sleep 0.2
    done
  fi
  printf 'keyward %s %s \n' "$1" "$kw_rc"
}
kw_tools() {
  for t in base64 chpasswd flock getent mktemp mv runuser sha256sum stat sync; do
    command -v "$t" >/dev/null || { printf %s "$t"; return 1; }
  done
}
# Each of those below is called in a shell of its own, by kw_do: what it sets ends with it.
kw_entry() {
  p=$(getent passwd "$1") || { r=$?; [ "$r" != 2 ] || { printf none; r=0; }; return "$r"; }
  s=$(getent shadow "$1") || s=
  set -f; IFS=:
  set -- "$1" $p; printf 'uid %s\nhome %s\n' "$4" "$7"
  set -- "$1" $s
  case ${3-} in '') k=open;; '!'*) k=locked;; '*'*) k=none;; *) k=set;; esac
  printf 'shadow %s\nset %s\nage %s:%s:%s:%s\n' "${s:+yes}" "$k" "${4-}" "${6-}" "${8-}" "${9-}"
  printf 'today %s\n' "$(($(date +%s) / 86400))"
}
kw_look() {
  kw_entry "$1" || return
  [ -n "$p" ] || return 0
  command -v sshd >/dev/null || { printf 'nosshd\n'; return 0; }
  sshd -T -C "user=$1,host=localhost,addr=127.0.0.1,laddr=127.0.0.1,lport=22" 2>/dev/null || printf 'nosshd\n'
}
kw_stored() { s=$(getent shadow "$1"); s=${s#*:}; s=${s%%:*}; }
kw_shadow() { kw_stored "$1"; printf %s "$s"; }
kw_hash() { printf '%s:%s\n' "$1" "$2" | chpasswd -e; }
kw_clear() { printf '%s:%s\n' "$1" "$2" | chpasswd; }
kw_as() {
  kw_user=$1; shift
  if [ "$kw_user" = root ]; then exec "$@"; else exec runuser -u "$kw_user" -- "$@"; fi
}
kw_read() { kw_user=$1; shift; kw_as "$kw_user" /bin/sh -c "$KW_READ" sh "$@"; }
kw_write() { printf %s "$5" | kw_as "$1" /bin/sh -c "$KW_WRITE" sh "$2" "$3" "$4"; }
kw_terminate() {
  for p in /proc/[0-9]*; do
    c=; read -r c 2>/dev/null <"$p/cmdline" || :
    case $c in 'sshd: '* | 'sshd-session: '*) c=${c#*: };; *) continue;; esac
    case $c in "$1" | "$1 "* | "$1@"*) kill -9 "${p#/proc/}" 2>/dev/null;; esac
  done
  :
}
"""

# Only where no shell is kept between two calls, so that no lock is: a password is set if it still is the one that was seen. They
# are told apart by what stands before the hash, lock and salt, all that is told of the field. What is there is not set again.
_SWAPPING: Final = r"""
kw_salt() { kw_stored "$1"; case $s in *'$'*'$'*) printf %s "${s%\$*}";; '!'*) printf '!';; '*'*) printf '*';; esac; }
kw_is() { kw_stored "$1"; [ "$s" = "$2" ]; }
kw_swap() {
  ! kw_is "$1" "$2" || return 0
  [ "$(kw_salt "$1")" = "$3" ] || return 33
  kw_hash "$1" "$2" || return $?
  kw_is "$1" "$2" || return 38
}
"""
_PLAIN: Final = re.compile(r"[A-Za-z0-9+/=_.@:,-]*")

COMMAND: Final = "exec /bin/sh -c 'if [ \"$(id -u)\" = 0 ]; then exec /bin/sh; else exec sudo -n /bin/sh; fi'"
"""What the admin's login runs: a shell of root that reads its standard input."""


def begin() -> str:
    """All of it, and a first answer."""
    setting = "LC_ALL=C PATH=/usr/sbin:/usr/bin:/sbin:/bin; export LC_ALL PATH; umask 077"
    parts = f"KW_READ='{_ABOVE}{_READ}'\nKW_WRITE='{_ABOVE}{_WRITE}'\n{_FUNCTIONS}"
    return f"{{ {setting}\n{parts}\n}}; {{ kw_do {READY} kw_tools; }}\n"


LOCK: Final = "lock"


def command(calls: tuple[tuple[str, ...], ...], lock: tuple[str, int] | None) -> str:
    """A whole script that makes these calls and ends, for who runs scripts and has no standard input to give.

    The answers carry the calls' numbers, from 1 on. `lock`: a user, and for how many seconds its lock is waited for; if there is
    no lock, no call is made.
    """
    stop = '[ "$kw_rc" = 0 ] || exit 0'
    lines = [stop]
    if lock is not None:
        lines += [f"kw_lock {LOCK} {_word(lock[0])} {lock[1]}", stop]
    for number, (function, *args) in enumerate(calls, 1):
        lines.append(f"kw_do {number} {function} {' '.join(map(_word, args))}")
    body = "\n".join(lines)
    return f"{begin()}{{\n{_SWAPPING}}}; {{\n{body}\n}}\nexit 0\n"


def _word(text: str) -> str:
    """One word of the shell, whatever is in it: as it is if nothing in it means anything, else as base64."""
    if _PLAIN.fullmatch(text):
        return f"'{text}'"
    return f"\"$(printf %s '{base64.b64encode(text.encode()).decode('ascii')}' | base64 -d)\""
