#!/bin/sh
# Installs, upgrades and removes OpenDCA as a service of systemd. `sh install.sh --help` has the options.
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

# Units and settings, and parts of this script. assemble.sh puts them in here; in the sources they are beside it.
part() { cat -- "$here/$1"; }
. "$here/../steps.sh"
. "$here/check_release.sh"
. "$here/uninstall.sh"

usage() {
  cat <<'END'
Usage: sh install.sh [agent|platform] [options]
       sh /usr/local/lib/opendca/install.sh --uninstall

Installs or upgrades the OpenDCA agent (default) or its platform, from the files of a release in the folder of this
script: opendca-VERSION-linux-ARCH, SHA256SUMS and SHA256SUMS.minisig. State, activation and configuration are kept.

  --from FOLDER      the folder with the files of the release
  --host-name NAME   the name that agents reach the platform at; default: that of this machine (platform only)
  --config FILE      copied to /etc/opendca/agent.yaml, unless there is one that differs (agent only)
  --key KEY          a further public key of minisign, or a file of keys, that a release may be signed with
  --allow-downgrade  install a version that is older than the one that is here
  --no-start         neither start nor restart the service
  --dry-run          check everything, and print what would be done
  --root FOLDER      install into FOLDER in place of /, as for an image: no service is started
  --uninstall        stop and remove; asks whether state and configuration are to be deleted
  --delete-state     with --uninstall: delete them, do not ask
  --keep-state       with --uninstall: keep them, do not ask
  --help

Exit codes: 0 done, 64 wrong usage, 65 a hash or signature is wrong or missing, 69 the system or a file that is needed
is not there, 70 the new version does not run (the old one is restored), 73 a file cannot be written, 77 not root.
END
}

host_name=''

# own_option OPTION [VALUE]: an option of this system alone.
own_option() {
  case $1 in
  agent | platform) product=$1 ;;
  --host-name) need_value "$@" && host_name=$2 ;;
  --root) need_value "$@" && root=${2%/} ;;
  *) return 1 ;;
  esac
}

check_options() {
  if [ -n "$config" ]; then
    [ "$product" = agent ] || fail 64 "--config is for the agent" "edit /etc/opendca-platform/serve.env"
    [ -r "$config" ] || fail 69 "Cannot read the configuration \"$config\""
  fi
  if [ -n "$host_name" ]; then
    [ "$product" = platform ] || fail 64 "--host-name is for the platform" "the agent's is platform.endpoints in /etc/opendca/agent.yaml"
    printf '%s\n' "$host_name" | grep -qxE '[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?' || fail 64 "Cannot use \"$host_name\" as a host name"
  fi
}

name_things() {
  if [ "$product" = agent ]; then
    program=opendca user=opendca unit=opendca-agent.service
    state_folders='/var/lib/opendca /var/lib/opendca-guard'
  else
    program=opendca-platform user=opendca-platform unit=opendca-platform.service
    state_folders='/var/lib/opendca-platform'
  fi
  settings=$program.conf sysctl=/etc/sysctl.d/60-opendca.conf
  etc=/etc/$program
  lib=/usr/local/lib/$program
  command_target=../lib/$program/current/$program
  written_folders="$lib /usr/local/bin $etc /etc/systemd/system /etc/sysusers.d /etc/tmpfiles.d"
  updater=''
  [ "$product" = platform ] || updater='opendca-update.path opendca-update.service'
  work='' staged=''
}

check_system() {
  system=$(uname -s)
  [ "$system" = Linux ] || fail 69 "Cannot install on $system as this script is for Linux" "docs/install.md has the others"
  case $(uname -m) in
  x86_64 | amd64) arch=x64 ;;
  aarch64 | arm64) arch=arm64 ;;
  *) fail 69 "Cannot install as there is no release for this processor: $(uname -m)" ;;
  esac
  target=linux-$arch
  if [ -z "$root" ]; then
    [ "$(id -u)" = 0 ] || fail 77 "Cannot install as this user is not root" "sudo sh $0"
    [ -d /run/systemd/system ] ||
      fail 69 "Cannot install as systemd does not run on this system" "start \"$program\" by your own service manager"
    systemd=$(systemctl --version | sed -n '1s/^systemd \([0-9]*\).*/\1/p')
    [ "${systemd:-0}" -ge 247 ] || fail 69 "Cannot install as systemd ${systemd:-is of an unknown version and} is too old: 247 is needed"
  else
    [ -d "$root" ] || fail 69 "Cannot install into \"$root\" as there is no such folder"
  fi
  for tool in install mktemp sha256sum sed grep sort df; do
    have "$tool" || fail 69 "Cannot install as the program \"$tool\" is missing" "install coreutils, sed and grep"
  done
  if [ "$action" = install ] && [ -z "$root" ] && [ -e "/usr/bin/$program" ]; then
    fail 69 "Cannot install as $program is installed by a package of this system: /usr/bin/$program" \
      "upgrade the package, or remove it first"
  fi
}

install_release() {
  find_release
  check_signature
  check_version
  if [ "$dry_run" = yes ]; then
    copy_program "$work"
    say "$program $version: signature and hash are right"
  else
    check_writable
    stage_program
  fi
  previous=$(readlink -- "$root$lib/current" 2>/dev/null || true)
  [ -n "$previous" ] || say "installing $program $version"
  [ -z "$previous" ] || say "upgrading $program from $previous to $version"
  stop_updater
  write_files
  switch_version
  start_service
  confirm_version
  remove_old_versions
  next_steps
}

# Units and settings; and what the administrator edits, only where there is none.
write_files() {
  new_files=no
  put_unit
  for each in $updater; do put "$each" "/etc/systemd/system/$each"; done
  put "$program.sysusers" "/etc/sysusers.d/$settings"
  put "$program.tmpfiles" "/etc/tmpfiles.d/$settings"
  [ "$product" = platform ] || put opendca.sysctl "$sysctl"
  # For --uninstall.
  if [ -e "$here/assemble.sh" ]; then
    # shellcheck disable=SC2086 # A list of keys.
    sh "$here/assemble.sh" $release_keys >"$work/part"
  else
    cp -- "$here/${0##*/}" "$work/part"
  fi
  put_file "$lib/install.sh" 755
  if [ -n "$updater" ]; then
    part update.sh >"$work/part"
    put_file "$lib/update.sh" 755
  fi
  if [ "$product" = agent ]; then
    write_agent_configuration
  elif [ ! -e "$root$etc/serve.env" ]; then
    part serve.env | sed "s/^SERVE_OPTIONS=.*/SERVE_OPTIONS=--host-name ${host_name:-$(uname -n)}/" >"$work/part"
    put_file "$etc/serve.env" 644
  fi
  [ -z "$root" ] || return 0
  run systemd-sysusers "/etc/sysusers.d/$settings" || fail 70 "Cannot make the user $user" "see the messages above"
  run systemd-tmpfiles --create "/etc/tmpfiles.d/$settings" || fail 70 "Cannot make the folders of $program" "see the messages above"
  [ "$product" = platform ] || run apply_sysctl || say "note: this kernel does not let ping be permitted; see docs/permissions.md"
}

write_agent_configuration() {
  if [ -n "$config" ]; then
    if [ -e "$root$etc/agent.yaml" ] && ! cmp -s "$config" "$root$etc/agent.yaml"; then
      fail 73 "Cannot replace $root$etc/agent.yaml as it is another configuration" "remove it, or leave out --config"
    fi
    cp -- "$config" "$work/part"
  elif [ -e "$root$etc/agent.yaml" ]; then
    return 0
  else
    part agent.yaml >"$work/part"
  fi
  # tmpfiles.d gives it to the group of the service.
  put_file "$etc/agent.yaml" 640
}

apply_sysctl() {
  for tool in /usr/lib/systemd/systemd-sysctl /lib/systemd/systemd-sysctl; do
    [ -x "$tool" ] || continue
    "$tool" "$sysctl"
    return
  done
  return 1
}

put_unit() {
  part "$unit" >"$work/unit" || fail 69 "Cannot install as $unit is missing beside this script" "take install.sh from a release"
  # Older ones take single files alone.
  if [ -z "$root" ] && [ "$systemd" -lt 250 ]; then
    sed '/^LoadCredential=/d' "$work/unit" >"$work/part"
    say "note: systemd $systemd cannot load $etc/credentials; docs/install.md says how to give the service single files"
  else
    mv -- "$work/unit" "$work/part"
  fi
  put_file "/etc/systemd/system/$unit" 644
}

before_run() { :; }

# link TEXT PATH: a symbolic link that is never absent.
link() {
  rm -f -- "$2.new"
  if ln -s -- "$1" "$2.new" && mv -fT -- "$2.new" "$2"; then return 0; fi
  fail 73 "Cannot write $2" "see whether its disk is full or read-only"
}

start_service() {
  started=no
  if [ -n "$root" ]; then
    [ -n "$previous" ] || run systemctl --root "$root" --quiet enable "$unit" || say "note: enable $unit at the first start of the system"
    return 0
  fi
  run systemctl daemon-reload
  [ -n "$previous" ] || run systemctl --quiet enable "$unit"
  [ "$start" = yes ] || return 0
  if systemctl --quiet is-active "$unit"; then
    # Nothing changed: the service goes on as it is.
    [ "$previous" != "$version" ] || [ "${same:-no}" = no ] || [ "$new_files" = yes ] || return 0
  elif [ -n "$previous" ] || ! is_ready; then
    return 0
  fi
  run systemctl restart "$unit" || true
  [ "$dry_run" = no ] || return 0
  if runs_well; then
    started=yes
  else
    return_to_previous
  fi
}

# An update that is under way ends here: what is installed now counts.
stop_updater() {
  [ -n "$updater" ] && [ -z "$root" ] && [ -n "$previous" ] || return 0
  # shellcheck disable=SC2086 # A list of units.
  run systemctl --quiet stop $updater 2>/dev/null || true
}

# From now on updates are verified by this version, and start from it.
confirm_version() {
  [ -n "$updater" ] || return 0
  if [ "$dry_run" = yes ]; then
    say "would write: $root$lib/confirmed"
    return 0
  fi
  link "$version" "$root$lib/confirmed"
  kept_version=''
  [ "$previous" = "$version" ] || kept_version=$previous
  if [ -n "$root" ]; then
    # shellcheck disable=SC2086 # A list of units.
    systemctl --root "$root" --quiet enable $updater || say "note: enable $updater at the first start of the system"
    return 0
  fi
  install -d -m 755 /var/lib/opendca-update
  # An older version has no such step, and needs none.
  "$lib/$version/$program" update accept --previous "$kept_version" >/dev/null 2>&1 || true
  # shellcheck disable=SC2086 # A list of units.
  systemctl --quiet enable $updater
  systemctl start opendca-update.path || say "note: updates by the platform do not work: systemctl status opendca-update.path"
}

# Whether the service can start: the platform always, the agent when it is activated.
is_ready() { [ "$product" = platform ] || [ -e /var/lib/opendca/certificate.pem ]; }

# The service neither ended nor was restarted within 8 seconds.
runs_well() {
  for _ in 1 2 3 4 5 6 7 8; do
    sleep 1
    [ "$(systemctl show --property ActiveState --value "$unit")" = active ] || return 1
  done
}

return_to_previous() {
  journalctl --quiet --no-pager --unit "$unit" --lines 15 --output cat >&2 || true
  if [ -z "$previous" ] || [ "$previous" = "$version" ] || [ ! -x "$lib/$previous/$program" ]; then
    fail 70 "$program $version was installed, and does not run" "systemctl status $unit; journalctl -u $unit"
  fi
  link "$previous" "$lib/current"
  restore_files
  run systemctl daemon-reload
  [ -z "$updater" ] || systemctl start opendca-update.path || true
  systemctl restart "$unit" || true
  runs_well || fail 70 "Neither $program $version nor $previous runs" "systemctl status $unit; journalctl -u $unit"
  rm -rf -- "${lib:?}/$version"
  fail 70 "$program $version does not run: $previous runs again" "the lines above are what it wrote"
}

# Keeps the version before this one, for a return by hand.
remove_old_versions() {
  [ "$dry_run" = no ] && [ "$previous" != "$version" ] || return 0
  for folder in "$root$lib"/[0-9]* "$root$lib"/.new-* "$root$lib"/.update-*; do
    case ${folder##*/} in
    "$version" | "$previous") ;;
    *) [ "$folder" = "$staged" ] || [ ! -d "$folder" ] || is_running "$folder" || rm -rf -- "$folder" ;;
    esac
  done
}

# Whether a process runs the program of a folder, which starts its threads from there.
is_running() {
  for exe in /proc/[0-9]*/exe; do
    case $(readlink -- "$exe" 2>/dev/null || true) in
    "$1"/*) return 0 ;;
    esac
  done
  return 1
}

next_steps() {
  [ "$dry_run" = no ] || return 0
  say "$program $version is installed: $root/usr/local/bin/$program"
  [ -z "$root" ] || return 0
  if [ "$started" = yes ]; then
    say "$unit runs: systemctl status $unit"
    [ "$product" = agent ] || [ -n "$previous" ] || platform_steps
  elif systemctl --quiet is-active "$unit"; then
    say "$unit runs, with nothing new"
  elif [ "$product" = agent ] && ! is_ready; then
    say "It is not activated yet. Next:"
    [ -n "$config" ] || say "  sudo editor $etc/agent.yaml"
    say "  sudo -u $user $program doctor"
    say "  sudo -u $user $program activate"
    say "  sudo systemctl start $unit"
  else
    say "$unit does not run: sudo systemctl start $unit"
  fi
}

platform_steps() {
  say "Next:"
  say "  sudo -u $user $program customer create Acme"
  say "  sudo -u $user $program site create Berlin"
  say "  sudo -u $user $program agent-file 192.168.1.0/24 >agent.yaml"
  say "  sudo -u $user $program code create"
  say "agent.yaml and the code are for the machine of the agent: sudo sh install.sh --config agent.yaml"
}

main "$@"
