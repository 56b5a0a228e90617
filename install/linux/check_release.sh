# shellcheck shell=sh disable=SC2034,SC2154
# Part of install.sh of Linux and macOS: which file is it, and is it what was signed? Nothing of the release is run here.

# The program of this system that SHA256SUMS names. Copies first, so that what is checked is what is used.
find_release() {
  for file in SHA256SUMS SHA256SUMS.minisig; do
    # Of a release that was made without the keys; it needs --key.
    given=$file
    [ "$file" = SHA256SUMS ] || [ -e "$from/$file" ] || [ ! -e "$from/SHA256SUMS.throw-away.minisig" ] || given=SHA256SUMS.throw-away.minisig
    [ -r "$from/$given" ] || fail 69 "Cannot install as there is no $file in \"$from\"" \
      "download $program-VERSION-$target, SHA256SUMS and SHA256SUMS.minisig into one folder, or name it: --from FOLDER"
    cp -- "$from/$given" "$work/$file" || fail 73 "Cannot copy $file" "see whether the disk of ${TMPDIR:-/tmp} is full"
  done
  names=$(sed -nE "s/^[0-9a-f]{64} [ *]($program-[0-9]+\.[0-9]+\.[0-9]+-$target)\$/\1/p" "$work/SHA256SUMS")
  [ -n "$names" ] || fail 69 "Cannot install as SHA256SUMS has no $program for $target"
  [ "$(printf '%s\n' "$names" | wc -l)" -eq 1 ] || fail 65 "Cannot install as SHA256SUMS has several files of $program for $target"
  file=$names
  version=${file#"$program-"}
  version=${version%"-$target"}
  packed=no
  if [ ! -r "$from/$file" ]; then
    if [ ! -r "$from/$file.zst" ]; then
      fail 69 "Cannot install as there is no $file in \"$from\"" "download it into that folder, or name another: --from FOLDER"
    fi
    have zstd || fail 69 "Cannot unpack $file.zst as the program \"zstd\" is missing" "install zstd, or download $file"
    packed=yes
  fi
}

check_signature() {
  if [ -z "${release_keys# }" ]; then
    hint='take install.sh from a release, or name a key that you trust: --key KEY'
    # Made by "deno task release" without the keys.
    own=$from/$program-$version.throw-away.keys
    [ ! -r "$own" ] || hint="take install.sh from a release; for one that you have built yourself, add --key $own"
    fail 65 "Cannot check the signature as this script has no keys: it is not from a release" "$hint"
  fi
  signed_by=$(sed -n 2p "$work/SHA256SUMS.minisig" | base64 --decode 2>/dev/null | od -An -v -tx1 | tr -d ' \n') || true
  # "ED", the id of the key and the signature: 74 bytes. "Ed" is without a hash before it, and is not used.
  case $signed_by in
  4544????????????????*) [ ${#signed_by} = 148 ] || signed_by='' ;;
  *) signed_by='' ;;
  esac
  [ -n "$signed_by" ] || fail 65 "Cannot install as SHA256SUMS.minisig is not a signature of minisign" "download it again"
  key=''
  for each in $release_keys; do
    id=$(printf '%s' "$each" | base64 --decode | od -An -v -tx1 | tr -d ' \n' | cut -c 5-20)
    [ "$id" != "$(printf '%s' "$signed_by" | cut -c 5-20)" ] || key=$each
  done
  [ -n "$key" ] || fail 65 "Cannot install as SHA256SUMS is signed with a key that is not one of OpenDCA's releases" \
    "download the release again, from the place that you trust"
  if have minisign && minisign -v >/dev/null 2>&1; then
    minisign -Vqm "$work/SHA256SUMS" -x "$work/SHA256SUMS.minisig" -P "$key" >/dev/null 2>&1 || wrong_signature
  elif have openssl; then
    check_by_openssl
  else
    fail 69 "Cannot check the signature as neither minisign nor openssl is installed" "install one of them"
  fi
}

wrong_signature() {
  fail 65 "Cannot install as the signature of SHA256SUMS is wrong: it was altered, or is incomplete" "download the release again"
}

# What minisign does: Ed25519 over the BLAKE2b-512 of the file, and over that signature with the trusted comment.
check_by_openssl() {
  sed -n 2p "$work/SHA256SUMS.minisig" | base64 --decode | tail -c 64 >"$work/signature"
  sed -n 4p "$work/SHA256SUMS.minisig" | base64 --decode >"$work/global" 2>/dev/null || wrong_signature
  {
    cat "$work/signature"
    sed -n '3s/^trusted comment: //p' "$work/SHA256SUMS.minisig" | tr -d '\n'
  } >"$work/commented"
  # SubjectPublicKeyInfo of RFC 8410 before the 32 bytes of the key.
  {
    printf '\060\052\060\005\006\003\053\145\160\003\041\000'
    printf '%s' "$key" | base64 --decode | tail -c 32
  } >"$work/key"
  openssl dgst -blake2b512 -binary "$work/SHA256SUMS" >"$work/digest" 2>/dev/null ||
    fail 69 "Cannot check the signature as this openssl is too old: $(openssl version)" "install minisign, or openssl 3"
  openssl pkeyutl -help 2>&1 | grep -q -e '-rawin' ||
    fail 69 "Cannot check the signature as this openssl is too old: $(openssl version)" "install minisign, or openssl 3"
  ed25519 "$work/signature" "$work/digest" || wrong_signature
  ed25519 "$work/global" "$work/commented" || wrong_signature
}

ed25519() {
  openssl pkeyutl -verify -pubin -keyform DER -inkey "$work/key" -rawin -sigfile "$1" -in "$2" >/dev/null 2>&1
}

# Of standard input, in hexadecimal; macOS has only the other program.
sha256() {
  if have sha256sum; then sha256sum; else shasum -a 256; fi | cut -c 1-64
}

# check_hash PATH NAME
check_hash() {
  want=$(sed -nE "s/^([0-9a-f]{64}) [ *]$2\$/\1/p" "$work/SHA256SUMS")
  got=$(sha256 <"$1")
  [ "$want" = "$got" ] || fail 65 "Cannot install $2 as its SHA-256 is not the one that was signed: it is $got" \
    "it was altered, or is incomplete: download it again"
}
