# What sign.sh asks of the tools of Apple, which are not here: those in the PATH note their arguments.

bats_require_minimum_version 1.5.0

setup() {
  bin="$BATS_TEST_TMPDIR/bin" calls="$BATS_TEST_TMPDIR/calls"
  mkdir "$bin"
  export calls
  file="$BATS_TEST_TMPDIR/opendca-0.2.0-macos-arm64"
  printf '\xcf\xfa\xed\xfe program' >"$file"
  unset "${!OPENDCA_MACOS_@}"
  # Signing appends.
  tool codesign 'for last; do :; done; case $1 in --force) printf " signed" >>"$last" ;; esac'
  tool ditto 'cp "$3" "$4"'
  tool xcrun 'echo "  status: Accepted"'
  tool rcodesign 'for last; do :; done; case $1 in sign) printf " signed" >>"$last" ;; esac'
  tool zip 'cp "$3" "$2"'
}

# tool NAME BODY
tool() {
  # shellcheck disable=SC2016 # Of the tool.
  printf '#!/bin/sh\nprintf "%%s\\n" "${0##*/} $*" >>"$calls"\n%s\n' "$2" >"$bin/$1"
  chmod +x "$bin/$1"
}

sign() { PATH="$bin:$PATH" run --separate-stderr sh "$BATS_TEST_DIRNAME/sign.sh" "$@"; }

refused() {
  echo "status $status: $stderr"
  [ "$status" = "$1" ] && [[ "$stderr" == *"error: "*"$2"* ]] && [ "$(grep -c '^error' <<<"$stderr")" = 1 ]
}

unsigned() { [ "$(tail -c +5 "$file")" = " program" ]; }

@test "codesign signs with the hardened runtime and what V8 needs, verifies, and notarytool waits for Apple" {
  export OPENDCA_MACOS_IDENTITY="Developer ID Application: Example (TEAM)" OPENDCA_MACOS_PROFILE=release
  chmod 755 "$file"
  sign "$file"
  [ "$status" = 0 ]
  [ "$output" = "signed $file
notarised $file" ]
  [ "$(tail -c +5 "$file")" = " program signed" ]
  [ "$(stat -c %a "$file")" = 755 ]
  grep -q -- '^codesign --force --timestamp --options runtime --entitlements .*/entitlements.plist --identifier org.opendca.opendca --sign Developer ID Application: Example (TEAM) ' "$calls"
  grep -q -- '^codesign --verify --strict ' "$calls"
  grep -q -- '^xcrun notarytool submit .*\.zip --keychain-profile release --wait$' "$calls"
  python3 -c 'import plistlib,sys; p = plistlib.load(open(sys.argv[1], "rb")); assert p and all(v is True for v in p.values())' \
    "$BATS_TEST_DIRNAME/entitlements.plist"
}

@test "rcodesign does the same elsewhere; without a key of Apple's service the file is signed alone" {
  touch "$BATS_TEST_TMPDIR/key.p12" "$BATS_TEST_TMPDIR/password"
  export OPENDCA_MACOS_P12="$BATS_TEST_TMPDIR/key.p12" OPENDCA_MACOS_P12_PASSWORD="$BATS_TEST_TMPDIR/password"
  mv "$file" "${file/opendca-0/opendca-platform-0}"
  file=${file/opendca-0/opendca-platform-0}
  sign "$file"
  [ "$status" = 0 ]
  [ "$output" = "signed $file" ]
  grep -q -- '^rcodesign sign --p12-file .* --code-signature-flags runtime .* --binary-identifier org.opendca.opendca-platform ' "$calls"
  export OPENDCA_MACOS_API_KEY=api.json
  sign "$file"
  [ "$output" = "signed $file
notarised $file" ]
  grep -q -- '^rcodesign notary-submit --api-key-file api.json --wait .*\.zip$' "$calls"
}

@test "a failure leaves the file as it was, and is said" {
  export OPENDCA_MACOS_IDENTITY=x OPENDCA_MACOS_PROFILE=release
  tool codesign 'case $1 in --verify) exit 3 ;; esac'
  sign "$file"
  refused 70 "signature is not valid"
  unsigned
  tool codesign 'echo "no identity found" >&2; exit 1'
  sign "$file"
  refused 70 "see the lines above"
  [[ "$stderr" == *"no identity found"* ]]
  unsigned
}

@test "what Apple refuses is not called notarised, with an exit code 0 of the tool too" {
  export OPENDCA_MACOS_IDENTITY=x OPENDCA_MACOS_PROFILE=release
  tool xcrun 'echo "  status: Invalid"'
  sign "$file"
  refused 75 "did not notarise"
  [[ "$stderr" == *"status: Invalid"* ]] && [[ "$output" != *notarised* ]]
}

@test "mistakes are one sentence, before anything is changed" {
  sign
  refused 64 "no file was named"
  sign "$file"
  refused 64 "neither OPENDCA_MACOS_IDENTITY nor OPENDCA_MACOS_P12"
  export OPENDCA_MACOS_IDENTITY=x
  printf '\x7fELF' >"$BATS_TEST_TMPDIR/elf"
  sign "$file" "$BATS_TEST_TMPDIR/elf"
  refused 64 "not a program for macOS"
  sign "$file" "$BATS_TEST_TMPDIR/none"
  refused 69 "no such file"
  unsigned
  rm "$bin/codesign"
  sign "$file"
  refused 69 '"codesign" is missing'
  [ ! -e "$calls" ]
}
