# shellcheck shell=bash disable=SC2034 # read by the scripts that source this
# Where things are on this machine. To be sourced.

# The throw-away state of servers and of image making, outside the repository.
state=${TOOLCRIB_TEST_STATE:-${TMPDIR:-/tmp}/toolcrib-test-$UID}
[[ -d $state ]] || (umask 077 && mkdir -p "$state")
if [[ ! -O $state ]]; then
  echo "$state belongs to another user: set TOOLCRIB_TEST_STATE to a directory of your own" >&2
  exit 1
fi

# Debian's client before any other: it is the one that the tests use.
docker=/usr/bin/docker
[[ -x $docker ]] || docker=$(command -v docker || true)

# The installing and starting scripts hold a lock on descriptor 9; a daemon must not inherit it.
# launch LOG COMMAND...: runs a daemon that survives this script; its pid is in $!
launch() {
  local log=$1
  shift
  setsid nohup "$@" >"$log" 2>&1 </dev/null 9>&- &
}

# runs PID_FILE PROGRAM: prints the pid if that process still runs that program. A pid may belong to another by now,
# and a zombie has no executable.
runs() {
  local pid
  pid=$(cat "$1" 2>/dev/null) || return 1
  [[ $(readlink "/proc/$pid/exe") == */"$2"* ]] && echo "$pid"
}
