#!/bin/sh
# Signs the program for macOS, and has Apple notarise it. It runs where the certificates are: on a Mac with codesign and
# notarytool, or on any system with rcodesign. `sh sign.sh --help` has the options. It changes the file, and so comes
# before any hash of it: `deno task release` runs it for each file where OPENDCA_MACOS_SIGN=1 is set.
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
entitlements=$here/entitlements.plist

usage() {
  cat <<'END'
Usage: sh sign.sh FILE…

On a Mac, with the certificate in the keychain:
  OPENDCA_MACOS_IDENTITY   name of the certificate, such as "Developer ID Application: Example (TEAMID1234)"
  OPENDCA_MACOS_PROFILE    keychain profile of notarytool (xcrun notarytool store-credentials PROFILE)

Elsewhere, with rcodesign (https://github.com/indygreg/apple-platform-rs):
  OPENDCA_MACOS_P12            certificate and key, PKCS #12
  OPENDCA_MACOS_P12_PASSWORD   file with its password
  OPENDCA_MACOS_API_KEY        App Store Connect API key (rcodesign encode-app-store-connect-api-key)

Without OPENDCA_MACOS_PROFILE or OPENDCA_MACOS_API_KEY the file is signed, and not notarised.

Exit codes: 0 done, 64 wrong usage, 69 a program or file is missing, 70 signing failed, 75 Apple did not notarise it.
END
}

say() { printf '%s\n' "$*"; }

fail() {
  printf 'error: %s\n' "$2" >&2
  [ $# -lt 3 ] || printf 'hint: %s\n' "$3" >&2
  exit "$1"
}

main() {
  [ $# -gt 0 ] || fail 64 "Cannot sign as no file was named" "sh sign.sh --help"
  case $1 in
  --help | -h)
    usage
    exit 0
    ;;
  -*) fail 64 "Cannot sign: \"$1\" is not known" "sh sign.sh --help" ;;
  esac
  choose_tool
  work=$(mktemp -d) || fail 69 "Cannot make a temporary folder"
  trap 'rm -rf -- "$work"' EXIT
  # All are looked at before one is changed.
  for file in "$@"; do
    [ -f "$file" ] || fail 69 "Cannot sign \"$file\" as there is no such file"
    is_mach_o "$file" || fail 64 "Cannot sign \"$file\" as it is not a program for macOS"
  done
  for file in "$@"; do sign "$file"; done
  for file in "$@"; do notarise "$file"; done
}

choose_tool() {
  identity=${OPENDCA_MACOS_IDENTITY:-} p12=${OPENDCA_MACOS_P12:-}
  if [ -n "$identity" ]; then
    need codesign "run it on a Mac with Xcode's command line tools"
    need xcrun "xcode-select --install"
    need ditto "run it on a Mac"
  elif [ -n "$p12" ]; then
    need rcodesign "cargo install apple-codesign"
    need zip "install zip"
    [ -r "$p12" ] || fail 69 "Cannot read the certificate \"$p12\""
    [ -r "${OPENDCA_MACOS_P12_PASSWORD:-}" ] || fail 69 "Cannot read the file OPENDCA_MACOS_P12_PASSWORD"
  else
    fail 64 "Cannot sign as neither OPENDCA_MACOS_IDENTITY nor OPENDCA_MACOS_P12 is set" "sh sign.sh --help"
  fi
}

need() { command -v "$1" >/dev/null 2>&1 || fail 69 "Cannot sign as the program \"$1\" is missing" "$2"; }

# The magic number of a 64-bit file for one processor.
is_mach_o() { [ "$(od -An -tx1 -N4 -- "$1" | tr -d ' \n')" = cffaedfe ]; }

# A copy is signed, so that a failure leaves the file as it was. The signature of the base, which does not fit, is replaced.
sign() {
  name=${1##*/}
  cp -p -- "$1" "$work/$name"
  if [ -n "$identity" ]; then
    codesign --force --timestamp --options runtime --entitlements "$entitlements" --identifier "$(identifier "$name")" \
      --sign "$identity" "$work/$name" || fail 70 "Cannot sign $name: see the lines above"
    codesign --verify --strict --verbose=2 "$work/$name" || fail 70 "Cannot sign $name as its signature is not valid"
  else
    rcodesign sign --p12-file "$p12" --p12-password-file "$OPENDCA_MACOS_P12_PASSWORD" --code-signature-flags runtime \
      --entitlements-xml-path "$entitlements" --binary-identifier "$(identifier "$name")" "$work/$name" ||
      fail 70 "Cannot sign $name: see the lines above"
  fi
  mv -f -- "$work/$name" "$1"
  say "signed $1"
}

# org.opendca.opendca, org.opendca.opendca-platform
identifier() { printf 'org.opendca.%s\n' "$(printf '%s\n' "$1" | sed 's/-[0-9][0-9.]*-macos-.*//')"; }

# A program that is one file cannot have the ticket stapled to it: macOS asks Apple at the first start.
notarise() {
  name=${1##*/} zip=$work/${1##*/}.zip
  if [ -n "$identity" ]; then
    [ -n "${OPENDCA_MACOS_PROFILE:-}" ] || return 0
    ditto -c -k "$1" "$zip" || fail 70 "Cannot pack $name"
    xcrun notarytool submit "$zip" --keychain-profile "$OPENDCA_MACOS_PROFILE" --wait >"$work/said" 2>&1 || true
    # It ends with 0 for a file that was refused too.
    grep -q 'status: Accepted' "$work/said" || refused
  else
    [ -n "${OPENDCA_MACOS_API_KEY:-}" ] || return 0
    (cd -- "$(dirname -- "$1")" && zip -q "$zip" "$name") || fail 70 "Cannot pack $name"
    rcodesign notary-submit --api-key-file "$OPENDCA_MACOS_API_KEY" --wait "$zip" >"$work/said" 2>&1 || refused
  fi
  say "notarised $1"
}

refused() {
  cat -- "$work/said" >&2
  fail 75 "Apple did not notarise $name" "xcrun notarytool log ID, with the id above, says why; the file is signed"
}

main "$@"
