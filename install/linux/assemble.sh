#!/bin/sh
# Prints install.sh as one file, with its parts and the public keys that a release may be signed with:
# sh install/linux/assemble.sh KEY… >install.sh; that of macOS: SYSTEM=macos sh install/linux/assemble.sh KEY…
# shellcheck disable=SC2016
set -eu
cd -- "$(dirname -- "$0")/../${SYSTEM:-linux}"
for key in "$@"; do
  printf '%s\n' "$key" | grep -qxE 'RW[A-Za-z0-9+/]{54}' || {
    echo "error: Cannot use \"$key\" as it is not a public key of minisign" >&2
    exit 64
  }
done

parts() {
  echo 'part() {'
  echo '  case $1 in'
  for name in *.plist *.service *.path update.sh *.sysusers *.tmpfiles *.sysctl serve.env agent.yaml; do
    [ -e "$name" ] || continue
    echo "  $name)"
    echo "    cat <<'END_OF_PART'"
    cat -- "$name"
    echo 'END_OF_PART'
    echo '    ;;'
  done
  echo '  *) return 1 ;;'
  echo '  esac'
  echo '}'
}

while IFS= read -r line; do
  case $line in
  "release_keys=''") echo "release_keys='$*'" ;;
  'part() {'*) parts ;;
  '. "$here/'*)
    name=${line#'. "$here/'}
    sed 1,3d "${name%'"'}"
    ;;
  '# shellcheck disable=SC1091'*) ;;
  *) printf '%s\n' "$line" ;;
  esac
done <install.sh
