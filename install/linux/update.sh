#!/bin/sh
# Installs what the agent asks for, and returns to the version before if the new one does not poll. Run as root by
# opendca-update.service; docs/upgrade.md has the steps. It copies and restarts; what is decided is decided by the program
# that is known to work, from what the release keys signed.
#
# Nothing of the agent's is believed: its files are read with the rights of its user, into a folder of root's, and no more
# of them than was signed.
set -eu
umask 022
export LC_ALL=C

# Of tests; the unit sets none of them.
lib=${OPENDCA_UPDATE_LIB:-/usr/local/lib/opendca}
state=${OPENDCA_UPDATE_STATE:-/var/lib/opendca-update}
from=${OPENDCA_UPDATE_FROM:-/var/lib/opendca/update}
user=${OPENDCA_UPDATE_USER:-opendca}
wait_seconds=${OPENDCA_UPDATE_WAIT:-300}
read_seconds=${OPENDCA_UPDATE_READ:-10}
copy_seconds=${OPENDCA_UPDATE_COPY:-900}
unit=opendca-agent.service
staging=''

say() { printf '%s\n' "$*" >&2; }

# A step of the program that is known to work, never of the new one.
step() {
  name=$1
  shift
  "$lib/confirmed/opendca" update "$name" --lib "$lib" --state "$state" "$@" 9>&-
}

# agent_file NAME BYTES SECONDS: at most so many bytes of a file of the agent, as its user: a link leads to nothing that
# this user may not read, and a pipe that nobody writes to ends.
agent_file() {
  setpriv --reuid="$user" --regid="$user" --clear-groups --no-new-privs -- \
    timeout -k 5 "$3" head -c "$2" -- "$from/$1" 9>&-
}

drop_staging() {
  [ -z "$staging" ] || rm -rf -- "$staging"
  staging=''
}

# Copies and installs what is asked for. Sets "next" to what follows.
take_request() {
  next=idle
  staging=$(mktemp -d "$lib/.update-XXXXXX") || return 0
  if ! said=$({ agent_file request 200 "$read_seconds" >"$staging/request"; } 2>&1); then
    case $said in
    *"No such file"*) ;;
    *) say "error: Cannot read the request of the agent: ${said:-it did not come within $read_seconds seconds}" ;;
    esac
    return 0
  fi
  agent_file opendca.manifest 70000 "$read_seconds" >"$staging/opendca.manifest" 2>/dev/null || true
  next=$(step check --staging "$staging") || next=idle
  case $next in
  "copy "*) ;;
  *) return 0 ;;
  esac
  bytes=${next#copy }
  next=idle
  # One byte more shows a file that is longer.
  if ! said=$({ agent_file opendca $((bytes + 1)) "$copy_seconds" >"$staging/opendca"; } 2>&1); then
    why="Cannot copy the file of the update: ${said:-it did not come within $copy_seconds seconds}"
    say "error: $why"
    step fail --staging "$staging" --why "$why"
    return 0
  fi
  # Which run of the agent has polled before.
  agent_file polled 200 "$read_seconds" >"$staging/polled" 2>/dev/null || true
  next=$(step install --staging "$staging") || next=idle
}

agent_state() { systemctl show --property ActiveState --value "$unit" || true; }

# A service that its administrator has stopped is not started.
restart() {
  case $(agent_state) in
  inactive) say "$unit is stopped, and is not started" ;;
  *)
    systemctl reset-failed "$unit" 2>/dev/null || true
    systemctl restart "$unit" || say "$unit does not start"
    ;;
  esac
}

# polled VERSION RUN: whether this version has polled, in another run than that.
polled() {
  said=$(agent_file polled 200 "$read_seconds" 2>/dev/null) || said=''
  # shellcheck disable=SC2086 # VERSION RUN TIME
  set -- "$1" "$2" ${said%%[!0-9a-fA-FTZ.: -]*}
  [ "${3:-}" = "$1" ] && [ -n "${4:-}" ] && [ "${4:-}" != "$2" ]
}

# has_polled VERSION RUN: whether this version polls in time, and is kept.
has_polled() {
  left=$wait_seconds
  while [ "$left" -gt 0 ]; do
    if polled "$1" "$2" && step confirm; then return 0; fi
    sleep 2
    left=$((left - 2))
  done
  return 1
}

# excuse_outage VERSION RUN: the version before, which has polled in that run, gets a third of the time. If it cannot poll
# either, it was no fault of the new one, which may be tried again. The program counts how often.
excuse_outage() {
  left=$(((wait_seconds + 2) / 3))
  while [ "$left" -gt 0 ]; do
    if polled "$1" "$2"; then return 0; fi
    sleep 2
    left=$((left - 2))
  done
  [ "$(agent_state)" != inactive ] || return 0
  say "opendca $1 does not poll either: the platform cannot be reached"
  step excuse || true
}

# follow NEXT: what a step has said is next.
follow() {
  # shellcheck disable=SC2086 # Words without blanks.
  set -- $1
  case $1 in
  wait)
    say "opendca $2 is installed: it has $wait_seconds seconds to poll"
    restart
    if has_polled "$2" "$3"; then
      say "opendca $2 has polled, and is kept"
      return 0
    fi
    if [ "$(agent_state)" = inactive ]; then
      next=$(step return --again --why "the service was stopped before it had polled")
    else
      next=$(step return --why "it did not poll within $wait_seconds seconds")
    fi
    [ "$next" = idle ] || restart
    say "opendca $2 did not poll: the version before it runs again"
    # Of a run that is not known, nobody can say whether it has polled before.
    [ "$next" = idle ] || [ "$3" = - ] || excuse_outage "$(readlink "$lib/current")" "$3"
    ;;
  restart) restart ;;
  esac
}

main() {
  exec 9>"$state/lock"
  if ! flock -n 9; then
    say "another update is under way"
    return 0
  fi
  if [ ! -x "$lib/confirmed/opendca" ]; then
    say "error: Cannot update as \"$lib/confirmed\" is missing: run install.sh of the installed release once more"
    return 1
  fi
  trap drop_staging EXIT
  next=$(step resume)
  follow "$next"
  # What was asked for meanwhile has woken nobody.
  for _ in 1 2; do
    take_request
    drop_staging
    [ "$next" != idle ] || break
    follow "$next"
  done
  # What is not needed any more.
  step resume >/dev/null
}

main
