#!/usr/bin/env bats
# install.sh on disks that are full or read-only, in a mount namespace of the test.

bats_require_minimum_version 1.5.0

load fixture

# In a mount namespace of its own: script, and what to do before.
in_namespace() {
  unshare --mount true 2>/dev/null || skip "no mount namespaces"
  # shellcheck disable=SC2016
  run --separate-stderr unshare --mount sh -c "$1"' && exec sh "$1" --from "$2" --root "$3"' - "$SCRIPT/install.sh" "$from" "$root"
}

@test "a full disk leaves nothing, and an installed version as it is" {
  mkdir -p "$root/usr/local"
  head -c 300000 /dev/urandom | base64 | sed 's/^/# /' >>"$from/opendca-1.2.3-linux-$arch"
  sign
  in_namespace 'mount -t tmpfs -o size=200k none "$3/usr/local"'
  refused 73 "No space left on device"
  [[ "$stderr" == *"see whether the disk"*"is full"* ]]
  assert_empty
  install
  [ "$status" = 0 ]
  make_release 1.2.4
  head -c 300000 /dev/urandom | base64 | sed 's/^/# /' >>"$from/opendca-1.2.4-linux-$arch"
  sign
  in_namespace 'mkdir /run/opendca-test && mount -t tmpfs -o size=600k none /run/opendca-test && cp -a "$3/usr/local/." /run/opendca-test && mount --move /run/opendca-test "$3/usr/local" && rmdir /run/opendca-test'
  refused 73 "No space left on device"
  [ "$("$root/usr/local/bin/opendca" --version)" = "opendca 1.2.3" ]
}

@test "a full /etc or /tmp leaves nothing, and an installed version with its unit as it is" {
  mkdir -p "$root/etc"
  # Some of its files would fit.
  # shellcheck disable=SC2016
  run --separate-stderr unshare --mount sh -c 'mount -t tmpfs -o size=40k none "$3/etc" || exit; sh "$1" --from "$2" --root "$3"; code=$?; find "$3/etc" ! -type d; exit "$code"' - \
    "$SCRIPT/install.sh" "$from" "$root"
  refused 73 "No space left on device"
  [ -z "$output" ]
  assert_empty
  TMPDIR=/nonexistent install
  refused 73 "Cannot make a temporary folder"
  install
  before=$(find "$root" ! -type d -exec sha256sum {} + | sort)
  make_release 1.2.4
  in_namespace 'mkdir /run/opendca-test && mount -t tmpfs -o size=64k none /run/opendca-test && cp -a "$3/etc/." /run/opendca-test && mount --move /run/opendca-test "$3/etc" && rmdir /run/opendca-test'
  refused 73 "No space left on device"
  [ "$(find "$root" ! -type d -exec sha256sum {} + | sort)" = "$before" ]
}

@test "a read-only /usr/local leaves nothing" {
  mkdir -p "$root/usr/local"
  in_namespace 'mount -t tmpfs -o ro none "$3/usr/local"'
  refused 73 "Read-only file system"
  assert_empty
}
