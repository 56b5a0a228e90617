#!/usr/bin/env bats
# The logic of install.sh in a root of its own that looks like a Mac: programs that only a Mac has are replaced, and of
# this system there are only programs that a Mac has too. How those of a Mac differ is not seen here.

bats_require_minimum_version 1.5.0
load ../linux/fixture

setup() {
  [ "$(id -u)" = 0 ] && unshare --mount true 2>/dev/null || skip "no mount namespaces"
  root="$BATS_TEST_TMPDIR/root"
  from="$root/release"
  # For make_release.
  # shellcheck disable=SC2034
  arch=arm64 system=macos
  mkdir -p "$root"/{release,fake,usr,opt,etc,var/log,Library/LaunchDaemons,dev,proc,tmp,db,system,"Library/Application Support"}
  mkdir -p "$root"/usr-local/{bin,lib}
  for folder in bin lib lib64; do ln -s "usr/$folder" "$root/$folder"; done
  SYSTEM=macos sh "$BATS_TEST_DIRNAME/../linux/assemble.sh" "$RELEASE_KEY" >"$root/install.sh"
  for tool in awk base64 cat chmod chown cmp cp cut dirname env find grep head id install ln ls mkdir mktemp mv od printf readlink rm \
    rmdir sed sh shasum sleep sort tail touch tr wc minisign zstd; do
    ln -s "/usr/bin/$tool" "$root/fake/$tool"
  done
  # shellcheck disable=SC2016
  fake uname 'case $1 in -s) echo Darwin ;; *) echo arm64 ;; esac'
  fake sw_vers 'echo 14.5'
  fake sysctl 'echo 1'
  fake sleep ':'
  fake xattr 'echo "xattr $*" >>/db/calls'
  # Folders of records, one file a key.
  fake dscl '[ "$1" = . ] || exit 1
    case $2 in
    -create) mkdir -p "/db$3" && printf "%s" "$5" >"/db$3/$4" ;;
    -read) [ -d "/db$3" ] || exit 56; [ -z "${4:-}" ] || { printf "%s: " "$4"; cat "/db$3/$4"; echo; } ;;
    -list) for each in "/db$3"/*; do [ ! -e "$each/$4" ] || { printf "%s   " "${each##*/}"; cat "$each/$4"; echo; }; done ;;
    -delete) rm -r "/db$3" ;;
    esac'
  # A daemon that is loaded runs, in a new process each time, if its program does.
  fake launchctl 'echo "launchctl $*" >>/db/calls
    case $1 in
    print) [ -e /db/loaded ] || exit 113; [ ! -e /db/pid ] || echo "	pid = $(cat /db/pid)" ;;
    bootstrap) [ ! -e /db/loaded ] || exit 5; touch /db/loaded; ! /opt/opendca/current/opendca run || wc -l </db/calls >/db/pid ;;
    bootout) [ -e /db/loaded ] || exit 3; rm -f /db/loaded /db/pid ;;
    esac'
  dscl_add Users root 0
  make_release 1.2.3
}

fake() {
  rm -f "$root/fake/$1"
  printf '#!/bin/sh\n%s\n' "$2" >"$root/fake/$1"
  chmod +x "$root/fake/$1"
}

dscl_add() {
  mkdir -p "$root/db/$1/$2"
  printf '%s' "$3" >"$root/db/$1/$2/$([ "$1" = Users ] && echo UniqueID || echo PrimaryGroupID)"
}

# on_mac COMMAND…: in the root, with nothing of this system but /usr.
on_mac() {
  unshare --mount sh -c 'root=$1; shift
    mount --rbind /usr "$root/usr" && mount --bind "$root/usr-local" "$root/usr/local" && mount --bind /dev "$root/dev" && mount -t proc proc "$root/proc" || exit 99
    eval "${BEFORE:-}"
    exec chroot "$root" /usr/bin/env -i PATH="${MAC_PATH:-/fake}" "$@"' - "$root" "$@"
}

install() { run --separate-stderr on_mac sh /install.sh --from /release "$@"; }

activate() { touch "$root/var/lib/opendca/certificate.pem"; }

calls() { grep -v '^launchctl print' "$root/db/calls" || true; }

# Nothing is there but what was.
assert_empty() {
  [ ! -e "$root/opt/opendca" ] && [ ! -e "$root/etc/opendca" ] && [ -z "$(find "$root/Library/LaunchDaemons" "$root/usr-local/bin" ! -type d)" ]
}

@test "the agent is installed: program, daemon, user, folders; it is started when it is activated" {
  install
  echo "$output $stderr"
  [ "$status" = 0 ]
  [[ "$output" == *"signature checked by minisign"*"It is not activated yet"* ]]
  [ "$(readlink "$root/opt/opendca/current")" = 1.2.3 ]
  [ "$(readlink "$root/usr-local/bin/opendca")" = /opt/opendca/current/opendca ]
  [ "$(on_mac /usr/local/bin/opendca --version)" = "opendca 1.2.3" ]
  cmp "$BATS_TEST_DIRNAME/org.opendca.agent.plist" "$root/Library/LaunchDaemons/org.opendca.agent.plist"
  cmp "$BATS_TEST_DIRNAME/agent.yaml" "$root/etc/opendca/agent.yaml"
  [ "$(cat "$root/db/Users/_opendca/UniqueID" "$root/db/Groups/_opendca/PrimaryGroupID")" = 399399 ]
  [ "$(cat "$root/db/Users/_opendca/UserShell" "$root/db/Users/_opendca/Password")" = "/usr/bin/false*" ]
  [ "$(stat -c '%a %u %g' "$root/etc/opendca/agent.yaml" "$root/var/lib/opendca" "$root/Library/Application Support/opendca-guard")" = $'640 0 399\n700 399 399\n700 399 399' ]
  [ "$(stat -c '%a %u' "$root/opt/opendca/1.2.3/opendca" "$root/Library/LaunchDaemons/org.opendca.agent.plist")" = $'755 0\n644 0' ]
  [[ "$(calls)" =~ ^"xattr -d com.apple.quarantine /opt/opendca/.new-"[^/]*"/opendca"$ ]]
  activate
  install
  [ "$status" = 0 ]
  [[ "$output" == *"does not run: sudo launchctl bootstrap system"* ]]
}

@test "an upgrade keeps state and configuration and restarts the daemon; a second run changes nothing" {
  install
  activate
  echo mine >"$root/etc/opendca/agent.yaml"
  on_mac launchctl bootstrap system /Library/LaunchDaemons/org.opendca.agent.plist
  make_release 1.10.0
  : >"$root/db/calls"
  install
  [ "$status" = 0 ]
  [[ "$output" == *"upgrading opendca from 1.2.3 to 1.10.0"*"org.opendca.agent runs"* ]]
  [ "$(calls | grep launchctl)" = "launchctl bootout system/org.opendca.agent
launchctl enable system/org.opendca.agent
launchctl bootstrap system /Library/LaunchDaemons/org.opendca.agent.plist" ]
  [ "$(cat "$root/etc/opendca/agent.yaml")" = mine ]
  [ -e "$root/var/lib/opendca/certificate.pem" ]
  : >"$root/db/calls"
  install
  [ "$status" = 0 ]
  [[ "$output" == *"runs, with nothing new"* ]]
  [ -z "$(calls | grep launchctl)" ]
  make_release 1.9.0
  install
  refused 65 "older than 1.10.0"
}

@test "a version that does not run is replaced by the one before" {
  install
  activate
  on_mac launchctl bootstrap system /Library/LaunchDaemons/org.opendca.agent.plist
  # As if the version before had a daemon, and files, of its own.
  daemon="$root/Library/LaunchDaemons/org.opendca.agent.plist"
  sed -i 's/<plist/<!-- of 1.2.3 --><plist/' "$daemon"
  echo '# of 1.2.3' >>"$root/opt/opendca/install.sh"
  cp "$daemon" "$BATS_TEST_TMPDIR/daemon"
  chmod 600 "$daemon"
  make_release 1.3.0
  # shellcheck disable=SC2016
  printf '#!/bin/sh\n[ "$1" = --version ] || [ "$1" = verify ] || exit 1\necho "opendca 1.3.0"\n' >"$from/opendca-1.3.0-macos-arm64"
  sign
  install
  refused 70 "opendca 1.3.0 does not run: 1.2.3 runs again"
  [ "$(readlink "$root/opt/opendca/current")" = 1.2.3 ]
  [ -e "$root/db/pid" ]
  [ ! -e "$root/opt/opendca/1.3.0" ]
  cmp "$daemon" "$BATS_TEST_TMPDIR/daemon"
  [ "$(stat -c %a "$daemon")" = 600 ]
  grep -q '# of 1.2.3' "$root/opt/opendca/install.sh"
  [ -z "$(find "$root" -name '*.new')" ]
}

@test "numbers that users or groups have are not taken" {
  for number in 399 398; do dscl_add Users "_u$number" "$number"; done
  dscl_add Groups _g 397
  install
  [ "$status" = 0 ]
  [ "$(cat "$root/db/Users/_opendca/UniqueID")" = 396 ]
}

@test "--dry-run checks everything and writes nothing" {
  install --dry-run
  [ "$status" = 0 ]
  [[ "$output" == *"signature and hash are right, by minisign"*"would write: /Library/LaunchDaemons/org.opendca.agent.plist"* ]]
  assert_empty
  [ ! -e "$root/db/Users/_opendca" ]
  echo >>"$from/opendca-1.2.3-macos-arm64"
  install --dry-run
  refused 65 "SHA-256"
}

@test "an altered program or signature is refused, and nothing of it is run" {
  printf 'touch /was-run\n' >>"$from/opendca-1.2.3-macos-arm64"
  install
  refused 65 "SHA-256"
  sign other
  install
  refused 65 "not one of OpenDCA's releases"
  assert_empty
  [ ! -e "$root/was-run" ]
}

@test "without minisign OpenSSL 3 checks, not LibreSSL; without both an installed agent, and else nothing" {
  rm "$root/fake/minisign"
  # shellcheck disable=SC2016
  fake openssl '[ "$1" = version ] && echo "LibreSSL 3.3.6"'
  install
  refused 69 "openssl is too old"
  assert_empty
  ln -sf /usr/bin/openssl "$root/fake/openssl"
  install
  [ "$status" = 0 ]
  [[ "$output" == *"signature checked by openssl"* ]]
  rm "$root/fake/openssl"
  # The agent that is here, which knows keys that this script does not have.
  # shellcheck disable=SC2016
  printf '#!/bin/sh\n[ "$1" = verify ] && [ "$(cat "$2.manifest")" != "{}" ] && { echo "error: signed by 1 of 3"; exit 77; }; exit 0\n' >"$root/opt/opendca/1.2.3/opendca"
  make_release 1.3.0
  echo wrong >"$from/opendca-1.3.0.manifest"
  sign other
  install
  refused 65 "installed agent finds that too few release keys"
  [[ "$stderr" == *"signed by 1 of 3"* ]]
  [ "$(readlink "$root/opt/opendca/current")" = 1.2.3 ]
  make_release 1.3.0
  install
  [ "$status" = 0 ]
  [[ "$output" == *"signature checked by the installed agent"* ]]
}

@test "another system, an old macOS, another user than root and a foreign /opt are refused" {
  # shellcheck disable=SC2016
  fake uname 'case $1 in -s) echo Linux ;; *) echo x86_64 ;; esac'
  install
  refused 69 "Cannot install on Linux"
  # shellcheck disable=SC2016
  fake uname 'case $1 in -s) echo Darwin ;; *) echo i386 ;; esac'
  install
  refused 69 "no release for this processor"
  # shellcheck disable=SC2016
  fake uname 'case $1 in -s) echo Darwin ;; *) echo x86_64 ;; esac'
  fake sw_vers 'echo 11.7.10'
  install
  refused 69 "macOS 11.7.10 is too old"
  fake sw_vers 'exit 1'
  install
  refused 69 "too old"
  fake sw_vers 'echo 14.5'
  fake id 'echo 501'
  install
  refused 77 "not root"
  ln -sf /usr/bin/id "$root/fake/id"
  chown 501 "$root/opt"
  install
  refused 69 "belongs to another user than root"
  assert_empty
}

@test "a translated shell installs the program of the real processor" {
  # shellcheck disable=SC2016
  fake uname 'case $1 in -s) echo Darwin ;; *) echo x86_64 ;; esac'
  install
  [ "$status" = 0 ]
  fake sysctl 'exit 1'
  install
  refused 69 "no opendca for macos-x64"
}

@test "a full disk and a read-only /opt leave nothing" {
  head -c 300000 /dev/urandom | base64 | sed 's/^/# /' >>"$from/opendca-1.2.3-macos-arm64"
  sign
  # shellcheck disable=SC2016
  BEFORE='mount -t tmpfs -o size=200k none "$root/opt"' install
  refused 73 "No space left on device"
  # shellcheck disable=SC2016
  BEFORE='mount -t tmpfs -o ro none "$root/opt"' install
  refused 73 "Read-only file system"
  assert_empty
}

@test "wrong options are refused" {
  for options in --no-such --from "--key nonsense" --delete-state platform; do
    # shellcheck disable=SC2086
    install $options
    refused 64 ""
  done
  assert_empty
}

@test "--uninstall --delete-state leaves no file and no user; --keep-state leaves what a new installation takes" {
  before=$(cd "$root" && find . -path ./usr -prune -o -path ./db -prune -o -print | sort)
  install
  activate
  on_mac launchctl bootstrap system /Library/LaunchDaemons/org.opendca.agent.plist
  install --uninstall </dev/null
  refused 64 "no terminal"
  run --separate-stderr on_mac sh /opt/opendca/install.sh --uninstall --keep-state
  [ "$status" = 0 ]
  [ ! -e "$root/db/loaded" ]
  [ ! -e "$root/opt/opendca" ]
  [ -e "$root/var/lib/opendca/certificate.pem" ]
  [ -e "$root/db/Users/_opendca" ]
  install
  [ "$status" = 0 ]
  [[ "$output" == *"org.opendca.agent runs"* ]]
  install --uninstall --delete-state --dry-run
  [ -e "$root/db/loaded" ]
  install --uninstall --delete-state
  [ "$status" = 0 ]
  [ ! -e "$root/db/Users/_opendca" ] && [ ! -e "$root/db/Groups/_opendca" ]
  [ "$(cd "$root" && find . -path ./usr -prune -o -path ./db -prune -o -path ./var/lib -prune -o -print | sort)" = "$before" ]
  [ -z "$(find "$root/var/lib" ! -type d)" ]
}

@test "a part of the script does nothing, and shellcheck finds nothing in it" {
  shellcheck "$root/install.sh"
  for lines in 100 300 500; do
    head -n "$lines" "$root/install.sh" >"$root/part.sh"
    run --separate-stderr on_mac sh /part.sh --from /release
    assert_empty
  done
}

@test "the daemon's file is what launchd reads" {
  python3 - "$BATS_TEST_DIRNAME/org.opendca.agent.plist" <<'EOF'
import plistlib, sys
daemon = plistlib.load(open(sys.argv[1], "rb"), fmt=plistlib.FMT_XML)
assert daemon["Label"] == "org.opendca.agent", daemon
assert daemon["ProgramArguments"] == ["/opt/opendca/current/opendca", "run"], daemon
assert daemon["UserName"] == daemon["GroupName"] == "_opendca", daemon
assert daemon["RunAtLoad"] is True and daemon["KeepAlive"] == {"SuccessfulExit": False}, daemon
assert daemon["Umask"] == 0o077, daemon
# launchd passes over what it does not know, so that a wrong name would be without effect.
known = {"Label", "ProgramArguments", "UserName", "GroupName", "InitGroups", "Umask", "WorkingDirectory", "RunAtLoad", "KeepAlive",
         "ThrottleInterval", "ExitTimeOut", "StandardErrorPath", "SoftResourceLimits"}
assert set(daemon) <= known, set(daemon) - known
EOF
}
