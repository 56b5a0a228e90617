# What the tests of install/ share: keys, a release that is signed with them, and the script with the key.

setup_file() {
  export KEYS="$BATS_FILE_TMPDIR/keys"
  mkdir "$KEYS"
  for name in release other; do
    minisign -G -W -p "$KEYS/$name.pub" -s "$KEYS/$name.key" </dev/null >/dev/null
  done
  RELEASE_KEY=$(tail -n 1 "$KEYS/release.pub")
  export RELEASE_KEY
  export SCRIPT="$BATS_FILE_TMPDIR/script"
  mkdir "$SCRIPT"
  sh "$(dirname "${BASH_SOURCE[0]}")/assemble.sh" "$RELEASE_KEY" >"$SCRIPT/install.sh"
  # Every program of this system but minisign.
  export WITHOUT_MINISIGN="$BATS_FILE_TMPDIR/bin"
  mkdir "$WITHOUT_MINISIGN"
  for folder in /usr/sbin /usr/bin; do
    find "$folder" -maxdepth 1 ! -type d ! -name minisign -exec ln -sft "$WITHOUT_MINISIGN" {} +
  done
}

setup() {
  root="$BATS_TEST_TMPDIR/root"
  from="$BATS_TEST_TMPDIR/release"
  mkdir "$root"
  case $(uname -m) in
  x86_64) arch=x64 ;;
  *) arch=arm64 ;;
  esac
  make_release 1.2.3
}

# make_release VERSION [PROGRAM]: a folder with a program that knows its version, signed as a release is.
make_release() {
  name=${2:-opendca}
  rm -rf "$from"
  mkdir "$from"
  printf '#!/bin/sh\necho "%s %s"\n' "$name" "$1" >"$from/$name-$1-${system:-linux}-$arch"
  echo '{}' >"$from/$name-$1.manifest"
  sign
}

sign() {
  (cd "$from" && rm -f SHA256SUMS* && sha256sum -- * >"$BATS_TEST_TMPDIR/sums" && mv "$BATS_TEST_TMPDIR/sums" SHA256SUMS)
  minisign -S -W -s "$KEYS/${1:-release}.key" -m "$from/SHA256SUMS" -t "OpenDCA" </dev/null >/dev/null
}

# install [OPTION…]: from the folder of the release, into the root.
install() { run --separate-stderr sh "$SCRIPT/install.sh" --from "$from" --root "$root" "$@"; }

# Nothing was written, or left.
assert_empty() { [ -z "$(find "$root" ! -type d)" ] && [ ! -e "$root/usr/local/lib/opendca" ]; }

refused() {
  echo "status $status: $stderr"
  [ "$status" = "$1" ] && [[ "$stderr" == "error: "*"$2"* ]] && [ "$(grep -c '^error' <<<"$stderr")" = 1 ]
}
