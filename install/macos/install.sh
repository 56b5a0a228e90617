#!/bin/sh
# Installs, upgrades and removes the OpenDCA agent as a daemon of launchd. `sh install.sh --help` has the options.
#
# It makes no network connection: the files of the release are beside it. Nothing of them is run before their hash and
# the signature over the hashes are checked, with the keys in this script. Everything is in functions, so that a part of
# this file does nothing.
# shellcheck disable=SC1091,SC2034,SC2154 # The file that assemble.sh prints is checked as a whole.
set -eu
umask 022

# Public keys of releases as minisign prints them, separated by spaces. assemble.sh puts them in.
release_keys=''
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)

# The daemon and its settings, and parts of this script. assemble.sh puts them in here; in the sources they are beside it.
part() { cat -- "$here/$1"; }
. "$here/../steps.sh"
. "$here/../linux/check_release.sh"

usage() {
  cat <<'END'
Usage: sh install.sh [options]
       sh /opt/opendca/install.sh --uninstall

Installs or upgrades the OpenDCA agent from the files of a release in the folder of this script:
opendca-VERSION-macos-ARCH, SHA256SUMS and SHA256SUMS.minisig. State, activation and configuration are kept.

  --from FOLDER      the folder with the files of the release
  --config FILE      copied to /etc/opendca/agent.yaml, unless there is one that differs
  --key KEY          a further public key of minisign, or a file of keys, that a release may be signed with
  --allow-downgrade  install a version that is older than the one that is here
  --no-start         neither start nor restart the daemon
  --dry-run          check everything, and print what would be done
  --uninstall        stop and remove; asks whether state and configuration are to be deleted
  --delete-state     with --uninstall: delete them, do not ask
  --keep-state       with --uninstall: keep them, do not ask
  --help

The signature is checked by minisign or by OpenSSL 3; macOS has neither (brew install minisign). Without both, an agent
that is installed and has release keys checks the new one.

Exit codes: 0 done, 64 wrong usage, 65 a hash or signature is wrong or missing, 69 the system or a file that is needed
is not there, 70 the new version does not run (the old one is restored), 73 a file cannot be written, 77 not root.
END
}

# There is no option of this system alone.
own_option() { return 1; }

check_options() {
  [ -z "$config" ] || [ -r "$config" ] || fail 69 "Cannot read the configuration \"$config\""
}

name_things() {
  program=opendca user=_opendca label=org.opendca.agent
  # Not in /usr/local, which is the user's where Homebrew is on an Intel Mac.
  etc=/etc/opendca lib=/opt/opendca logs=/var/log/opendca
  daemon=/Library/LaunchDaemons/$label.plist
  # Where an agent of macOS keeps its lock, apart from the state.
  guard='/Library/Application Support/opendca-guard'
  state_folders=/var/lib/opendca
  command_target=$lib/current/$program
  written_folders="$lib /usr/local/bin $etc /Library/LaunchDaemons /var/lib /var/log"
  work='' staged=''
}

check_system() {
  system=$(uname -s)
  [ "$system" = Darwin ] || fail 69 "Cannot install on $system as this script is for macOS" "docs/install.md has the others"
  case $(uname -m) in
  x86_64) arch=x64 ;;
  arm64) arch=arm64 ;;
  *) fail 69 "Cannot install as there is no release for this processor: $(uname -m)" ;;
  esac
  # A shell that is translated (Rosetta) says x86_64 on Apple silicon.
  [ "$(sysctl -n hw.optional.arm64 2>/dev/null || true)" != 1 ] || arch=arm64
  target=macos-$arch
  [ "$(id -u)" = 0 ] || fail 77 "Cannot install as this user is not root" "sudo sh $0"
  release=$(sw_vers -productVersion 2>/dev/null || true)
  [ "${release%%.*}" -ge 12 ] 2>/dev/null || fail 69 "Cannot install as macOS ${release:-of this version} is too old: 12 is needed"
  if [ -e /opt ] && [ "$(find /opt -prune -user 0)" = '' ]; then
    fail 69 "Cannot install into /opt as it belongs to another user than root, who could replace the program" "sudo chown root /opt"
  fi
  for tool in launchctl dscl shasum base64 xattr; do
    have "$tool" || fail 69 "Cannot install as the program \"$tool\" of macOS is missing" "see PATH: $PATH"
  done
}

install_release() {
  find_release
  choose_check
  check_version
  if [ "$dry_run" = yes ]; then
    copy_program "$work"
    ask_installed "$work"
    say "$program $version: signature and hash are right, by $checked_by"
  else
    check_writable
    stage_program
  fi
  previous=$(readlink -- "$lib/current" 2>/dev/null || true)
  [ -n "$previous" ] || say "installing $program $version"
  [ -z "$previous" ] || say "upgrading $program from $previous to $version"
  make_user
  write_files
  switch_version
  start_daemon
  remove_old_versions
  next_steps
}

# minisign, OpenSSL 3, or else the agent that is installed.
choose_check() {
  if have minisign && minisign -v >/dev/null 2>&1; then
    checked_by=minisign
  elif have openssl && openssl dgst -blake2b512 </dev/null >/dev/null 2>&1 && openssl pkeyutl -help 2>&1 | grep -q -e '-rawin'; then
    checked_by=openssl
  elif [ -x "$lib/current/$program" ]; then
    checked_by="the installed agent"
    return 0
  fi
  check_signature
}

# What is done with the copy of the program before it is run for the first time (stage_program).
before_run() {
  ask_installed "$1"
  # What came by a browser may not be run by macOS until somebody has agreed to that; its signature was checked here.
  xattr -d com.apple.quarantine "$1/$program" 2>/dev/null || true
}

# Where there is no other way, the agent that is here checks the new one by two of the release keys that it was made with.
# One without such keys has none to check with, as none are put beside the file.
ask_installed() {
  [ "${checked_by:-}" = "the installed agent" ] || return 0
  mkdir -p "$work/check"
  cp -- "$1/$program" "$1/$program.manifest" "$work/check" 2>/dev/null ||
    fail 65 "Cannot check the new version as it has no manifest" "download $program-$version.manifest too, or install minisign"
  said=$("$lib/current/$program" verify "$work/check/$program" 2>&1) ||
    fail 65 "Cannot install $program $version as the installed agent finds that too few release keys have signed it" \
      "$(printf '%s\n' "$said" | sed -n 's/^error: //p'); or install minisign, which checks with the keys of this script"
  rm -rf -- "$work/check"
}

# A user that nobody can log in as, with a number that neither a user nor a group has.
make_user() {
  if dscl . -read "/Users/$user" UniqueID >/dev/null 2>&1; then return 0; fi
  number=399
  taken=$(dscl . -list /Users UniqueID && dscl . -list /Groups PrimaryGroupID) || fail 70 "Cannot read the users of this system"
  while printf '%s\n' "$taken" | grep -qE "[[:space:]]$number\$"; do
    number=$((number - 1))
    [ "$number" -gt 200 ] || fail 70 "Cannot make the user $user as the numbers 201 to 399 are in use"
  done
  for line in "/Groups/$user PrimaryGroupID $number" "/Groups/$user RealName OpenDCA" "/Users/$user UniqueID $number" \
    "/Users/$user PrimaryGroupID $number" "/Users/$user RealName OpenDCA" "/Users/$user UserShell /usr/bin/false" \
    "/Users/$user NFSHomeDirectory /var/empty" "/Users/$user IsHidden 1" "/Users/$user Password *"; do
    # shellcheck disable=SC2086 # Path, key and value; the star is no pattern.
    (set -f && run dscl . -create $line) || fail 70 "Cannot make the user $user" "sudo dscl . -create $line"
  done
}

# own PATH MODE: a folder of the daemon's user.
own() {
  run install -d -m "$2" "$1" || fail 73 "Cannot make the folder $1" "see whether its disk is full or read-only"
  run chown "$user_number:$user_number" "$1" || fail 73 "Cannot give $1 to the user $user"
}

write_files() {
  new_files=no
  user_number=$(dscl . -read "/Users/$user" UniqueID 2>/dev/null | sed -n 's/^UniqueID: *//p')
  [ -n "$user_number" ] || [ "$dry_run" = yes ] || fail 70 "Cannot read the number of the user $user"
  put "$label.plist" "$daemon"
  # For --uninstall.
  if [ -e "$here/../linux/assemble.sh" ]; then
    # shellcheck disable=SC2086 # A list of keys.
    SYSTEM=macos sh "$here/../linux/assemble.sh" $release_keys >"$work/part"
  else
    cp -- "$here/${0##*/}" "$work/part"
  fi
  put_file "$lib/install.sh" 755
  if [ -n "$config" ]; then
    if [ -e "$etc/agent.yaml" ] && ! cmp -s "$config" "$etc/agent.yaml"; then
      fail 73 "Cannot replace $etc/agent.yaml as it is another configuration" "remove it, or leave out --config"
    fi
    cp -- "$config" "$work/part"
    put_file "$etc/agent.yaml" 640
  elif [ ! -e "$etc/agent.yaml" ]; then
    part agent.yaml >"$work/part"
    put_file "$etc/agent.yaml" 640
  fi
  # It may have secrets: the daemon reads it, and cannot change it.
  run chown "0:$user_number" "$etc" "$etc/agent.yaml"
  run chmod 750 "$etc"
  own "$state_folders" 700
  own "$guard" 700
  own "$logs" 750
}

# link TEXT PATH: a symbolic link. The mv of macOS cannot put one in the place of another that leads to a folder.
link() { ln -sfn -- "$1" "$2" || fail 73 "Cannot write $2" "see whether its disk is full or read-only"; }

start_daemon() {
  started=no
  [ "$start" = yes ] || return 0
  if [ "$dry_run" = yes ]; then
    say "would run: launchctl bootstrap system $daemon, if the agent is activated"
    return 0
  fi
  if is_loaded; then
    # Nothing changed: the daemon goes on as it is.
    [ "$previous" != "$version" ] || [ "${same:-no}" = no ] || [ "$new_files" = yes ] || return 0
    launchctl bootout "system/$label" || true
  elif [ -n "$previous" ] || [ ! -e "$state_folders/certificate.pem" ]; then
    return 0
  fi
  load
  if runs_well; then
    started=yes
  else
    return_to_previous
  fi
}

is_loaded() { launchctl print "system/$label" >/dev/null 2>&1; }

load() {
  launchctl enable "system/$label" || true
  # What was told to stop may take until its time limit.
  for _ in 1 2 3 4 5 6 7 8 9 10; do
    if launchctl bootstrap system "$daemon" 2>"$work/said"; then return 0; fi
    sleep 1
  done
  fail 70 "Cannot start $label: $(tail -n 1 "$work/said")" "sudo launchctl bootstrap system $daemon"
}

# The daemon runs in the same process for 8 seconds.
runs_well() {
  first=''
  for _ in 1 2 3 4 5 6 7 8; do
    sleep 1
    pid=$(launchctl print "system/$label" 2>/dev/null | sed -n 's/^[[:space:]]*pid = //p')
    [ -n "$pid" ] && [ "${first:-$pid}" = "$pid" ] || return 1
    first=$pid
  done
}

return_to_previous() {
  tail -n 5 "$logs/stderr.log" >&2 2>/dev/null || true
  if [ -z "$previous" ] || [ "$previous" = "$version" ] || [ ! -x "$lib/$previous/$program" ]; then
    fail 70 "$program $version was installed, and does not run" "sudo launchctl print system/$label; $logs"
  fi
  link "$previous" "$lib/current"
  restore_files
  launchctl bootout "system/$label" 2>/dev/null || true
  load
  runs_well || fail 70 "Neither $program $version nor $previous runs" "sudo launchctl print system/$label; $logs"
  rm -rf -- "${lib:?}/$version"
  fail 70 "$program $version does not run: $previous runs again" "the lines above are what it wrote"
}

# Keeps the version before this one, for a return by hand.
remove_old_versions() {
  [ "$dry_run" = no ] && [ "$previous" != "$version" ] || return 0
  for folder in "$lib"/[0-9]* "$lib"/.new-*; do
    case ${folder##*/} in
    "$version" | "$previous") ;;
    *) [ "$folder" = "$staged" ] || [ ! -d "$folder" ] || rm -rf -- "$folder" ;;
    esac
  done
}

next_steps() {
  [ "$dry_run" = no ] || return 0
  say "$program $version is installed: /usr/local/bin/$program (signature checked by $checked_by)"
  if [ "$started" = yes ]; then
    say "$label runs: sudo launchctl print system/$label"
  elif is_loaded; then
    say "$label runs, with nothing new"
  elif [ -e "$state_folders/certificate.pem" ]; then
    say "$label does not run: sudo launchctl bootstrap system $daemon"
  else
    cat <<END
It is not activated yet. Next:
  1. sudo nano $etc/agent.yaml
  2. sudo -u $user $program doctor
  3. sudo -u $user $program activate
  4. sudo launchctl bootstrap system $daemon
END
  fi
}

uninstall() {
  ask_about_state
  if is_loaded; then run launchctl bootout "system/$label" || true; fi
  remove "$daemon" "/usr/local/bin/$program" "$lib"
  if [ "$state" = delete ]; then
    remove "$etc" "$logs" "$state_folders" "$guard"
    for kind in Users Groups; do
      ! dscl . -read "/$kind/$user" >/dev/null 2>&1 || run dscl . -delete "/$kind/$user" ||
        fail 70 "Cannot remove the user $user" "sudo dscl . -delete /$kind/$user"
    done
  fi
  [ "$dry_run" = no ] || return 0
  if [ "$state" = delete ]; then
    say "$program is removed, with its state and configuration"
  else
    say "$program is removed; left are $(kept_paths)$guard, $logs and the user $user"
  fi
}

main "$@"
