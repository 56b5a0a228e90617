#!/usr/bin/env bats
# Packages of Debian and RPM, made of a program that only knows its version.

bats_require_minimum_version 1.5.0
load fixture

make_manual() {
  mkdir "$from/man"
  printf '.TH %s 1\n.SH NAME\n%s \\- a program\n' "$1" "$1" >"$from/man/$1.1"
}

@test "packages of Debian have program, manifest, unit and settings, and lintian finds nothing" {
  for name in opendca opendca-platform; do
    make_release 1.2.3 "$name"
    make_manual "$name"
    echo licences >"$from/$name-1.2.3.licenses.txt"
    SOURCE_DATE_EPOCH=1700000000 sh "$BATS_TEST_DIRNAME/package_deb.sh" "$name" 1.2.3 "$arch" "$from"
    package=$(echo "$from/${name}_1.2.3_"*.deb)
    sha256sum "$package" >"$BATS_TEST_TMPDIR/first"
    # On another file system, whose blocks have another size.
    (umask 077 && TMPDIR=/dev/shm SOURCE_DATE_EPOCH=1700000000 sh "$BATS_TEST_DIRNAME/package_deb.sh" "$name" 1.2.3 "$arch" "$from")
    sha256sum --check "$BATS_TEST_TMPDIR/first"
    lintian --allow-root --fail-on error,warning "$package"
    dpkg-deb --extract "$package" "$root"
    [ "$("$root/usr/bin/$name" --version)" = "$name 1.2.3" ]
    [ -s "$root/usr/lib/$name/$name.manifest" ]
  done
  for unit in opendca-agent opendca-platform; do
    # Only the path of the program differs.
    run diff "$BATS_TEST_DIRNAME/$unit.service" "$root/usr/lib/systemd/system/$unit.service"
    [ "$(grep -c '^>' <<<"$output")" = 1 ]
    [[ "$output" == *"> ExecStart=/usr/lib/opendca"* ]]
  done
  [ "$(stat -c %a "$root/etc/opendca/agent.yaml")" = 640 ]
}

@test "packages of RPM have the same files, the same bytes each time, and keep what was edited" {
  mkdir "$BATS_TEST_TMPDIR/rpmlint"
  cp "$BATS_TEST_DIRNAME/rpm/rpmlint.toml" "$BATS_TEST_TMPDIR/rpmlint"
  # The program of this test is a script.
  echo "Filters = ['no-binary', 'only-non-binary-in-usr-lib']" >"$BATS_TEST_TMPDIR/rpmlint/script.toml"
  for name in opendca opendca-platform; do
    make_release 1.2.3 "$name"
    make_manual "$name"
    SOURCE_DATE_EPOCH=1700000000 sh "$BATS_TEST_DIRNAME/package_rpm.sh" "$name" 1.2.3 "$arch" "$from"
    package=$(echo "$from/$name-1.2.3-1."*.rpm)
    sha256sum "$package" >"$BATS_TEST_TMPDIR/first"
    SOURCE_DATE_EPOCH=1700000000 sh "$BATS_TEST_DIRNAME/package_rpm.sh" "$name" 1.2.3 "$arch" "$from"
    sha256sum --check "$BATS_TEST_TMPDIR/first"
    run rpmlint --config "$BATS_TEST_TMPDIR/rpmlint" "$package"
    echo "$output"
    [[ "$output" == *" 0 errors, 0 warnings"* ]]
    rpm --root "$root" --nodeps --noscripts --install "$package"
    rpm --root "$root" --nodeps --verify "$name"
    [ "$("$root/usr/bin/$name" --version)" = "$name 1.2.3" ]
    [ -s "$root/usr/lib/$name/$name.manifest" ]
  done
  grep -q '^ExecStart=/usr/lib/opendca/opendca run$' "$root/usr/lib/systemd/system/opendca-agent.service"
  [ "$(stat -c %a "$root/etc/opendca/agent.yaml")" = 640 ]
  echo mine >>"$root/etc/opendca/agent.yaml"
  make_release 1.2.4
  sh "$BATS_TEST_DIRNAME/package_rpm.sh" opendca 1.2.4 "$arch" "$from"
  rpm --root "$root" --nodeps --noscripts --upgrade "$from"/*.rpm
  [ "$("$root/usr/bin/opendca" --version)" = "opendca 1.2.4" ]
  [ "$(tail -n 1 "$root/etc/opendca/agent.yaml")" = mine ]
  rpm --root "$root" --noscripts --erase opendca opendca-platform
  [ ! -e "$root/usr/lib/opendca" ]
}

@test "the scripts of packages of RPM are what rpm calls them with" {
  sh "$BATS_TEST_DIRNAME/package_rpm.sh" opendca 1.2.3 "$arch" "$from"
  rpm -qp --scripts "$from"/*.rpm >"$BATS_TEST_TMPDIR/scripts"
  mkdir "$BATS_TEST_TMPDIR/bin"
  for program in systemctl systemd-sysusers systemd-tmpfiles rm userdel; do
    # shellcheck disable=SC2016
    printf '#!/bin/sh\necho "%s $*"\n' "$program" >"$BATS_TEST_TMPDIR/bin/$program"
  done
  chmod +x "$BATS_TEST_TMPDIR/bin/"*
  for name in preinstall postinstall preuninstall postuninstall; do
    sed -n "/^$name scriptlet/,/^[a-z]* scriptlet/p" "$BATS_TEST_TMPDIR/scripts" | grep -v scriptlet | sh -n
  done
  # scriptlet NAME COUNT: what it calls when so many versions are installed, without its look at the system.
  scriptlet() {
    sed -n "/^$1 scriptlet/,/^[a-z]* scriptlet/p" "$BATS_TEST_TMPDIR/scripts" | grep -v scriptlet |
      sed 's/ && \[ -d \/run\/systemd\/system \]//; s/^\[ -d \/run\/systemd\/system \] || exit 0/true/; s/\[ ! -d \/run\/systemd\/system \]/false/; /systemd-sysctl/d; s/^if \[ -e \/usr\/lib\/sysctl.*/if true; then :/' |
      PATH="$BATS_TEST_TMPDIR/bin:$PATH" sh -s "$2"
  }
  [[ "$(scriptlet postinstall 1)" == *"systemctl --quiet enable opendca-agent.service" ]]
  [[ "$(scriptlet postinstall 2)" == *"systemctl try-restart opendca-agent.service" ]]
  [ "$(scriptlet preuninstall 0)" = "systemctl --quiet disable --now opendca-agent.service" ]
  [ -z "$(scriptlet preuninstall 1)" ]
  [ "$(scriptlet postuninstall 0)" = "systemctl daemon-reload" ]
}

@test "a package is not made of what is not there" {
  run sh "$BATS_TEST_DIRNAME/package_deb.sh" opendca 9.9.9 "$arch" "$from"
  [ "$status" != 0 ]
  run sh "$BATS_TEST_DIRNAME/package_deb.sh" opendca 1.2.3 riscv "$from"
  [ "$status" = 64 ]
  [ -z "$(find "$from" -name '*.deb')" ]
}
