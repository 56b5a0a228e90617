#!/usr/bin/env bats
# install.sh with a root of its own: nothing of this system is changed. The life on a real systemd is in
# tests/e2e/systemd_test.ts.

bats_require_minimum_version 1.5.0

load fixture

@test "the agent is installed: program, manifest, unit, settings, configuration" {
  install
  [ "$status" = 0 ]
  [ "$("$root/usr/local/bin/opendca" --version)" = "opendca 1.2.3" ]
  [ "$(readlink "$root/usr/local/lib/opendca/current")" = 1.2.3 ]
  [ -s "$root/usr/local/lib/opendca/1.2.3/opendca.manifest" ]
  cmp "$BATS_TEST_DIRNAME/opendca-agent.service" "$root/etc/systemd/system/opendca-agent.service"
  cmp "$BATS_TEST_DIRNAME/opendca.sysctl" "$root/etc/sysctl.d/60-opendca.conf"
  [ "$(stat -c %a "$root/etc/opendca/agent.yaml")" = 640 ]
  [ "$(stat -c %a "$root/usr/local/lib/opendca/1.2.3" "$root/usr/local/lib/opendca/1.2.3/opendca")" = $'755\n755' ]
  [ -L "$root/etc/systemd/system/multi-user.target.wants/opendca-agent.service" ]
}

@test "the agent has an updater, which starts from the installed version; the platform has none" {
  install
  [ "$status" = 0 ]
  [ "$(readlink "$root/usr/local/lib/opendca/confirmed")" = 1.2.3 ]
  cmp "$BATS_TEST_DIRNAME/update.sh" "$root/usr/local/lib/opendca/update.sh"
  for unit in opendca-update.path opendca-update.service; do
    cmp "$BATS_TEST_DIRNAME/$unit" "$root/etc/systemd/system/$unit"
  done
  [ -L "$root/etc/systemd/system/paths.target.wants/opendca-update.path" ]
  [ -L "$root/etc/systemd/system/multi-user.target.wants/opendca-update.service" ]
  make_release 1.2.4
  install
  [ "$(readlink "$root/usr/local/lib/opendca/confirmed")" = 1.2.4 ]
  make_release 1.2.3 opendca-platform
  install platform
  [ ! -e "$root/usr/local/lib/opendca-platform/confirmed" ]
}

@test "an old version whose program runs is not removed" {
  install
  for version in 1.2.1 1.2.2; do
    mkdir "$root/usr/local/lib/opendca/$version"
    cp /bin/sleep "$root/usr/local/lib/opendca/$version/opendca"
  done
  "$root/usr/local/lib/opendca/1.2.1/opendca" 300 3>&- &
  running=$!
  make_release 1.2.4
  install
  kill "$running"
  [ "$status" = 0 ]
  [ -e "$root/usr/local/lib/opendca/1.2.1/opendca" ]
  [ ! -e "$root/usr/local/lib/opendca/1.2.2" ]
}

@test "the platform is installed, with the name that agents reach it at" {
  make_release 1.2.3 opendca-platform
  install platform --host-name dca.example.com
  [ "$status" = 0 ]
  [ "$("$root/usr/local/bin/opendca-platform" --version)" = "opendca-platform 1.2.3" ]
  grep -qx 'SERVE_OPTIONS=--host-name dca.example.com' "$root/etc/opendca-platform/serve.env"
  [ ! -e "$root/etc/sysctl.d/60-opendca.conf" ]
}

@test "agent and platform are together in one folder, and each takes its own file" {
  cp -r "$from" "$BATS_TEST_TMPDIR/agent"
  make_release 1.2.4 opendca-platform
  cp "$BATS_TEST_TMPDIR/agent/opendca"* "$from"
  sign
  install agent
  [ "$status" = 0 ]
  install platform
  [ "$status" = 0 ]
  [ "$("$root/usr/local/bin/opendca" --version)" = "opendca 1.2.3" ]
  [ "$("$root/usr/local/bin/opendca-platform" --version)" = "opendca-platform 1.2.4" ]
}

@test "a second run changes nothing" {
  install
  find "$root" -printf '%p %m %T@ %l\n' | sort >"$BATS_TEST_TMPDIR/before"
  install
  [ "$status" = 0 ]
  # Links are replaced by equal ones, folders get their time.
  find "$root" -printf '%p %m %T@ %l\n' | sort >"$BATS_TEST_TMPDIR/after"
  diff <(grep '^[^ ]*\.\(service\|conf\|yaml\|sh\|manifest\)' "$BATS_TEST_TMPDIR/before") \
    <(grep '^[^ ]*\.\(service\|conf\|yaml\|sh\|manifest\)' "$BATS_TEST_TMPDIR/after")
  diff <(cut -d' ' -f 1,2,4 "$BATS_TEST_TMPDIR/before") <(cut -d' ' -f 1,2,4 "$BATS_TEST_TMPDIR/after")
}

@test "an upgrade keeps state and configuration, and the version before" {
  install
  mkdir -p "$root/var/lib/opendca"
  echo activation >"$root/var/lib/opendca/agent.json"
  echo mine >"$root/etc/opendca/agent.yaml"
  make_release 1.10.0
  install
  [ "$status" = 0 ]
  [[ "$output" == *"upgrading opendca from 1.2.3 to 1.10.0"* ]]
  [ "$("$root/usr/local/bin/opendca" --version)" = "opendca 1.10.0" ]
  [ "$(cat "$root/var/lib/opendca/agent.json" "$root/etc/opendca/agent.yaml")" = $'activation\nmine' ]
  make_release 1.11.0
  install
  [ "$(cd "$root/usr/local/lib/opendca" && echo [0-9]*)" = "1.10.0 1.11.0" ]
}

@test "an older version is refused, unless that is wanted" {
  make_release 1.10.0
  install
  make_release 1.9.9
  install
  refused 65 "older than 1.10.0"
  install --allow-downgrade
  [ "$status" = 0 ]
  [ "$("$root/usr/local/bin/opendca" --version)" = "opendca 1.9.9" ]
}

@test "a given configuration is installed, and replaces no other" {
  echo "platform: {}" >"$BATS_TEST_TMPDIR/own.yaml"
  install --config "$BATS_TEST_TMPDIR/own.yaml"
  [ "$status" = 0 ]
  cmp "$BATS_TEST_TMPDIR/own.yaml" "$root/etc/opendca/agent.yaml"
  install --config "$BATS_TEST_TMPDIR/own.yaml"
  [ "$status" = 0 ]
  echo changed >>"$root/etc/opendca/agent.yaml"
  install --config "$BATS_TEST_TMPDIR/own.yaml"
  refused 73 "another configuration"
}

@test "a given configuration can be read by root alone until its mode is set" {
  bin="$BATS_TEST_TMPDIR/bin"
  mkdir "$bin"
  printf '#!/bin/sh\nfor last; do :; done\nstat -c "%%a $last" "$last" >>"%s"\nexec /bin/chmod "$@"\n' "$BATS_TEST_TMPDIR/modes" >"$bin/chmod"
  chmod +x "$bin/chmod"
  echo "platform: {}" >"$BATS_TEST_TMPDIR/own.yaml"
  mkdir -p "$root/etc/opendca"
  echo left >"$root/etc/opendca/agent.yaml.new"
  PATH="$bin:$PATH" install --config "$BATS_TEST_TMPDIR/own.yaml"
  [ "$status" = 0 ]
  grep -qx "600 $root/etc/opendca/agent.yaml.new" "$BATS_TEST_TMPDIR/modes"
  [ "$(stat -c %a "$root/etc/opendca/agent.yaml")" = 640 ]
  [ "$(stat -c %a "$root/etc/systemd/system/opendca-agent.service")" = 644 ]
}

@test "--dry-run checks everything and writes nothing" {
  install --dry-run
  [ "$status" = 0 ]
  [[ "$output" == *"signature and hash are right"*"would write: $root/etc/systemd/system/opendca-agent.service"* ]]
  assert_empty
  echo >>"$from/opendca-1.2.3-linux-$arch"
  install --dry-run
  refused 65 "SHA-256"
}

@test "a compressed program is unpacked, and its content checked" {
  program="$from/opendca-1.2.3-linux-$arch"
  zstd -q "$program" && rm "$program"
  install
  [ "$status" = 0 ]
  [ "$("$root/usr/local/bin/opendca" --version)" = "opendca 1.2.3" ]
  echo other | zstd -qf -o "$program.zst"
  install
  refused 65 "SHA-256"
}

@test "nothing of a release is run or installed whose program was altered" {
  printf 'touch "%s/was-run"\n' "$BATS_TEST_TMPDIR" >>"$from/opendca-1.2.3-linux-$arch"
  install
  refused 65 "SHA-256"
  assert_empty
  [ ! -e "$BATS_TEST_TMPDIR/was-run" ]
}

@test "hashes that were altered with the program are refused, by minisign and by openssl" {
  printf 'touch "%s/was-run"\n' "$BATS_TEST_TMPDIR" >>"$from/opendca-1.2.3-linux-$arch"
  (cd "$from" && sha256sum opendca* >SHA256SUMS)
  for path in "$PATH" "$WITHOUT_MINISIGN"; do
    PATH=$path install
    refused 65 "signature of SHA256SUMS is wrong"
  done
  assert_empty
  [ ! -e "$BATS_TEST_TMPDIR/was-run" ]
}

@test "a signature with any byte changed is refused, by minisign and by openssl" {
  cp "$from/SHA256SUMS.minisig" "$BATS_TEST_TMPDIR/good"
  for line in 2 4; do
    for at in 2 5 20 60 80; do
      awk -v line="$line" -v at="$at" 'NR == line {
        $0 = substr($0, 1, at - 1) (substr($0, at, 1) == "A" ? "B" : "A") substr($0, at + 1)
      } 1' "$BATS_TEST_TMPDIR/good" >"$from/SHA256SUMS.minisig"
      [ "$(cmp -l "$BATS_TEST_TMPDIR/good" "$from/SHA256SUMS.minisig" | wc -l)" = 1 ]
      for path in "$PATH" "$WITHOUT_MINISIGN"; do
        PATH=$path install
        refused 65 ""
      done
    done
  done
  sed 's/OpenDCA$/OpenDCB/' "$BATS_TEST_TMPDIR/good" >"$from/SHA256SUMS.minisig"
  for path in "$PATH" "$WITHOUT_MINISIGN"; do
    PATH=$path install
    refused 65 "signature of SHA256SUMS is wrong"
  done
  assert_empty
}

@test "openssl alone is enough, also beside a minisign that does not run" {
  PATH=$WITHOUT_MINISIGN install
  [ "$status" = 0 ]
  mkdir "$BATS_TEST_TMPDIR/bin"
  printf '#!/bin/sh\nexit 127\n' >"$BATS_TEST_TMPDIR/bin/minisign"
  chmod +x "$BATS_TEST_TMPDIR/bin/minisign"
  PATH="$BATS_TEST_TMPDIR/bin:$WITHOUT_MINISIGN" install
  [ "$status" = 0 ]
  [ "$("$root/usr/local/bin/opendca" --version)" = "opendca 1.2.3" ]
}

@test "with neither minisign nor openssl nothing is installed" {
  mkdir "$BATS_TEST_TMPDIR/bin"
  cp -P "$WITHOUT_MINISIGN/"* "$BATS_TEST_TMPDIR/bin"
  rm "$BATS_TEST_TMPDIR/bin/openssl"
  PATH="$BATS_TEST_TMPDIR/bin" install
  refused 69 "neither minisign nor openssl"
  assert_empty
}

@test "another key is refused, and taken when it is named" {
  sign other
  install
  refused 65 "not one of OpenDCA's releases"
  assert_empty
  install --key "$KEYS/other.pub"
  [ "$status" = 0 ]
}

@test "another key that gives itself the id of ours is refused" {
  id=$(printf '%s' "$RELEASE_KEY" | base64 -d | tail -c +3 | head -c 8 | od -An -v -tx1 | tr -d ' \n')
  sign other
  sed -n 2p "$from/SHA256SUMS.minisig" | base64 -d >"$BATS_TEST_TMPDIR/raw"
  {
    head -n 1 "$from/SHA256SUMS.minisig"
    { head -c 2 "$BATS_TEST_TMPDIR/raw"; printf '%b' "$(sed 's/../\\x&/g' <<<"$id")"; tail -c 64 "$BATS_TEST_TMPDIR/raw"; } | base64 -w 0
    echo
    tail -n 2 "$from/SHA256SUMS.minisig"
  } >"$BATS_TEST_TMPDIR/forged"
  cp "$BATS_TEST_TMPDIR/forged" "$from/SHA256SUMS.minisig"
  for path in "$PATH" "$WITHOUT_MINISIGN"; do
    PATH=$path install
    refused 65 "signature of SHA256SUMS is wrong"
  done
}

@test "a release with a throw-away key needs that key" {
  sign other
  mv "$from/SHA256SUMS.minisig" "$from/SHA256SUMS.throw-away.minisig"
  install
  refused 65 "not one of OpenDCA's releases"
  printf '{ "threshold": 1, "keys": ["%s"] }\n' "$(tail -n 1 "$KEYS/other.pub")" >"$BATS_TEST_TMPDIR/throw-away.keys"
  install --key "$BATS_TEST_TMPDIR/throw-away.keys"
  [ "$status" = 0 ]
}

@test "a program that does not find enough signatures in its manifest is not installed" {
  program="$from/opendca-1.2.3-linux-$arch"
  printf '[ "$1" != verify ] || { echo "error: 1 of 3 known keys"; exit 77; }\n' >>"$program"
  sign
  install
  refused 65 "too few release keys"
  [[ "$stderr" == *"hint: 1 of 3 known keys"* ]]
  assert_empty
}

@test "a script without keys installs nothing" {
  sh "$BATS_TEST_DIRNAME/assemble.sh" >"$BATS_TEST_TMPDIR/install.sh"
  run --separate-stderr sh "$BATS_TEST_TMPDIR/install.sh" --from "$from" --root "$root"
  refused 65 "has no keys"
  [[ "$stderr" == *"a key that you trust: --key KEY"* ]]
  # Made without the release keys.
  touch "$from/opendca-1.2.3.throw-away.keys"
  run --separate-stderr sh "$BATS_TEST_TMPDIR/install.sh" --from "$from" --root "$root"
  refused 65 "has no keys"
  [[ "$stderr" == *"hint: "*"add --key $from/opendca-1.2.3.throw-away.keys"* ]]
  rm "$from/opendca-1.2.3.throw-away.keys"
  run --separate-stderr sh "$BATS_TEST_TMPDIR/install.sh" --from "$from" --root "$root" --key "$RELEASE_KEY"
  [ "$status" = 0 ]
}

@test "a missing file is named, with what to download" {
  for file in SHA256SUMS SHA256SUMS.minisig "opendca-1.2.3-linux-$arch"; do
    mv "$from/$file" "$BATS_TEST_TMPDIR/kept"
    install
    refused 69 "there is no $file in"
    [[ "$stderr" == *"hint: download "* ]]
    mv "$BATS_TEST_TMPDIR/kept" "$from/$file"
  done
  assert_empty
}

@test "a release without a file for this machine, or with two versions, is refused" {
  mv "$from/opendca-1.2.3-linux-$arch" "$from/opendca-1.2.3-linux-riscv"
  sign
  install
  refused 69 "has no opendca for linux-$arch"
  make_release 1.2.3
  cp "$from/opendca-1.2.3-linux-$arch" "$from/opendca-1.2.4-linux-$arch"
  sign
  install
  refused 65 "several files"
}

@test "a program that does not run here, or is another one, is not installed" {
  printf '#!/nonexistent\n' >"$from/opendca-1.2.3-linux-$arch"
  sign
  install
  refused 70 "does not run here"
  printf '#!/bin/sh\necho deno 2.9.3\n' >"$from/opendca-1.2.3-linux-$arch"
  sign
  install
  refused 65 'says that it is "deno 2.9.3"'
  assert_empty
}

@test "an unsupported system or processor is refused" {
  mkdir "$BATS_TEST_TMPDIR/bin"
  printf '#!/bin/sh\ncase $1 in -s) echo Darwin ;; *) echo x86_64 ;; esac\n' >"$BATS_TEST_TMPDIR/bin/uname"
  chmod +x "$BATS_TEST_TMPDIR/bin/uname"
  PATH="$BATS_TEST_TMPDIR/bin:$PATH" install
  refused 69 "Cannot install on Darwin"
  printf '#!/bin/sh\ncase $1 in -s) echo Linux ;; *) echo riscv64 ;; esac\n' >"$BATS_TEST_TMPDIR/bin/uname"
  PATH="$BATS_TEST_TMPDIR/bin:$PATH" install
  refused 69 "no release for this processor: riscv64"
}

@test "wrong options are refused" {
  for options in --no-such "--from" "--key nonsense" "--delete-state" "platform --config /dev/null" "--host-name x"; do
    # shellcheck disable=SC2086
    install $options
    refused 64 ""
  done
  install platform --host-name 'a b'
  refused 64 "as a host name"
  assert_empty
}

@test "without root nothing is done" {
  [ "$(id -u)" = 0 ] || skip "needs root"
  chmod 711 "$BATS_RUN_TMPDIR" "$BATS_FILE_TMPDIR" || true
  cp "$SCRIPT/install.sh" /dev/shm/opendca-install-test.sh
  run --separate-stderr setpriv --reuid=65534 --regid=65534 --clear-groups sh /dev/shm/opendca-install-test.sh
  rm /dev/shm/opendca-install-test.sh
  refused 77 "not root"
}

@test "without systemd nothing is done" {
  [ "$(id -u)" = 0 ] && unshare --mount true 2>/dev/null || skip "no mount namespaces"
  # Hides a systemd that runs here: without --root this would install.
  run --separate-stderr unshare --mount sh -c 'mount -t tmpfs none /run && exec sh "$1" --from "$2"' - "$SCRIPT/install.sh" "$from"
  refused 69 "systemd does not run"
}

@test "without a network it installs" {
  [ "$(id -u)" = 0 ] && unshare --net true 2>/dev/null || skip "no network namespaces"
  run --separate-stderr unshare --net sh "$SCRIPT/install.sh" --from "$from" --root "$root"
  [ "$status" = 0 ]
}

@test "--uninstall --delete-state leaves no file" {
  install
  mkdir -p "$root/var/lib/opendca" "$root/var/lib/opendca-guard" "$root/etc/systemd/system/opendca-agent.service.d"
  touch "$root/var/lib/opendca/agent.json" "$root/etc/systemd/system/opendca-agent.service.d/own.conf"
  run --separate-stderr sh "$root/usr/local/lib/opendca/install.sh" --root "$root" --uninstall --delete-state
  [ "$status" = 0 ]
  find "$root" ! -type d
  [ -z "$(find "$root" ! -type d)" ]
  [ -z "$(find "$root" -name '*opendca*')" ]
}

@test "--uninstall --delete-state of the platform leaves no file" {
  make_release 1.2.3 opendca-platform
  install platform
  mkdir -p "$root/var/lib/opendca-platform"
  touch "$root/var/lib/opendca-platform/platform.db"
  run --separate-stderr sh "$root/usr/local/lib/opendca-platform/install.sh" platform --root "$root" --uninstall --delete-state
  [ "$status" = 0 ]
  [ -z "$(find "$root" ! -type d)" ]
}

@test "--uninstall --keep-state leaves state and configuration, which a new installation takes" {
  install
  mkdir -p "$root/var/lib/opendca"
  echo activation >"$root/var/lib/opendca/agent.json"
  echo mine >"$root/etc/opendca/agent.yaml"
  install --uninstall --keep-state
  [ "$status" = 0 ]
  [ "$(find "$root" ! -type d | sort)" = "$root/etc/opendca/agent.yaml"$'\n'"$root/var/lib/opendca/agent.json" ]
  install
  [ "$status" = 0 ]
  [ "$(cat "$root/var/lib/opendca/agent.json" "$root/etc/opendca/agent.yaml")" = $'activation\nmine' ]
}

@test "--uninstall asks before it deletes state, and without a terminal does nothing" {
  install
  install --uninstall </dev/null
  refused 64 "no terminal"
  [ "$("$root/usr/local/bin/opendca" --version)" = "opendca 1.2.3" ]
  for answer in n ''; do
    install
    run script -qec "sh '$SCRIPT/install.sh' --root '$root' --uninstall" /dev/null <<<"$answer"
    [[ "$output" == *"Delete "*"/etc/opendca for ever? [y/N]"* ]]
    [ -e "$root/etc/opendca/agent.yaml" ]
    [ ! -e "$root/usr/local/lib/opendca" ]
  done
  install
  run script -qec "sh '$SCRIPT/install.sh' --root '$root' --uninstall" /dev/null <<<y
  [ -z "$(find "$root" ! -type d)" ]
}

@test "--uninstall --dry-run changes nothing, and --uninstall of what is not there succeeds" {
  install --uninstall --delete-state
  [ "$status" = 0 ]
  install
  find "$root" | sort >"$BATS_TEST_TMPDIR/before"
  install --uninstall --delete-state --dry-run
  [ "$status" = 0 ]
  [[ "$output" == *"would run: rm -rf -- $root/usr/local/lib/opendca"* ]]
  find "$root" | sort | diff "$BATS_TEST_TMPDIR/before" -
}

@test "uninstalling the agent leaves the platform alone" {
  install
  make_release 1.2.3 opendca-platform
  install platform
  install agent --uninstall --delete-state
  [ "$("$root/usr/local/bin/opendca-platform" --version)" = "opendca-platform 1.2.3" ]
  [ -e "$root/etc/systemd/system/opendca-platform.service" ]
  [ -e "$root/etc/opendca-platform/serve.env" ]
}

@test "a part of the script does nothing" {
  for lines in 100 300 500; do
    head -n "$lines" "$SCRIPT/install.sh" >"$BATS_TEST_TMPDIR/part.sh"
    run --separate-stderr sh "$BATS_TEST_TMPDIR/part.sh" --from "$from" --root "$root"
    assert_empty
  done
}

@test "shellcheck finds nothing in the script that is released" {
  shellcheck "$SCRIPT/install.sh"
}

@test "the units are exposed by at most 1.3, and are valid" {
  for unit in opendca-agent opendca-platform; do
    systemd-analyze security --offline=true --threshold=13 --no-pager "$BATS_TEST_DIRNAME/$unit.service"
  done
  # Root, which changes to the user of the agent.
  systemd-analyze security --offline=true --threshold=12 --no-pager "$BATS_TEST_DIRNAME/opendca-update.service"
}

@test "an undone upgrade has the units of the version before, and none that it added; what is edited stays" {
  # Without systemd the script does not come there by itself.
  root="$root" work=$(mktemp -d) etc=/etc/opendca dry_run=no version=1.3.0
  export root work etc dry_run version
  # shellcheck disable=SC2016 # Of the inner shell.
  run sh -euc '
    . "$1/../steps.sh"
    write() { printf "%s\n" "$1" >"$work/part" && put_file "$2" "$3"; }
    write old /etc/systemd/system/opendca-agent.service 640
    write same /etc/sysctl.d/60-opendca.conf 644
    rm -rf "$work/before" "$work/replaced" "$work/added"
    write new /etc/systemd/system/opendca-agent.service 644
    write newer /etc/systemd/system/opendca-agent.service 644
    write same /etc/sysctl.d/60-opendca.conf 644
    write added /etc/systemd/system/opendca-new.path 644
    write edited /etc/opendca/agent.yaml 640
    printf "%s\n" untouched >"$root/elsewhere"
    ln -s "$root/elsewhere" "$root/etc/systemd/system/opendca-agent.service.new"
    restore_files
  ' - "$BATS_TEST_DIRNAME"
  rm -rf "$work"
  echo "$output"
  [ "$status" = 0 ]
  [ "$(cat "$root/etc/systemd/system/opendca-agent.service")" = old ]
  [ "$(stat -c %a "$root/etc/systemd/system/opendca-agent.service")" = 640 ]
  [ "$(cat "$root/etc/sysctl.d/60-opendca.conf")" = same ]
  [ ! -e "$root/etc/systemd/system/opendca-new.path" ]
  [ "$(cat "$root/etc/opendca/agent.yaml")" = edited ]
  [ "$(cat "$root/elsewhere")" = untouched ]
  [ ! -L "$root/etc/systemd/system/opendca-agent.service" ]
  [ -z "$(find "$root" -name '*.new')" ]
}
