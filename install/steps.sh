# shellcheck shell=sh disable=SC2034,SC2154
# Part of install.sh of each system but Windows: what they share. Functions that are not here are each system's own.

main() {
  read_options "$@"
  name_things
  trap clean_up EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM HUP
  check_system
  work=$(mktemp -d 2>/dev/null) || fail 73 "Cannot make a temporary folder" "see whether the disk of ${TMPDIR:-/tmp} is full"
  if [ "$action" = uninstall ]; then
    uninstall
  else
    install_release
  fi
}

read_options() {
  product=agent action=install from=$here root='' config='' dry_run=no start=yes downgrade=no state=ask
  while [ $# -gt 0 ]; do
    words=1
    case $1 in
    --from) need_value "$@" && from=$2 ;;
    --config) need_value "$@" && config=$2 ;;
    --key) need_value "$@" && add_keys "$2" ;;
    --allow-downgrade) downgrade=yes ;;
    --no-start) start=no ;;
    --dry-run) dry_run=yes ;;
    --uninstall) action=uninstall ;;
    --delete-state) state=delete ;;
    --keep-state) state=keep ;;
    --help | -h)
      usage
      exit 0
      ;;
    *) own_option "$@" || fail 64 "Cannot read the options: \"$1\" is not known" "sh install.sh --help" ;;
    esac
    shift "$words"
  done
  if [ "$state" != ask ] && [ "$action" != uninstall ]; then
    fail 64 "--$state-state is for --uninstall" "sh install.sh --help"
  fi
  check_options
}

need_value() {
  [ -n "${2:-}" ] || fail 64 "Cannot read the options: $1 needs a value" "sh install.sh --help"
  words=2
}

clean_up() {
  code=$?
  trap - EXIT
  [ -z "$work" ] || rm -rf -- "$work"
  [ -z "$staged" ] || rm -rf -- "$staged"
  # Nothing was installed: leave nothing. rmdir removes empty folders only.
  [ "$code" = 0 ] || rmdir -- "$root$lib" "$root$etc" 2>/dev/null || true
  exit "$code"
}

say() { printf '%s\n' "$*"; }

# fail CODE MESSAGE [HINT]
fail() {
  printf 'error: %s\n' "$2" >&2
  [ $# -lt 3 ] || printf 'hint: %s\n' "$3" >&2
  exit "$1"
}

have() { command -v "$1" >/dev/null 2>&1; }

# Prints a command, and runs it unless this is a dry run.
run() {
  if [ "$dry_run" = yes ]; then
    say "would run: $*"
  else
    "$@"
  fi
}

# A key, or every key in a file: minisign.pub, or the file of keys of a release.
add_keys() {
  if printf '%s\n' "$1" | grep -qxE 'RW[A-Za-z0-9+/]{54}'; then
    release_keys="$release_keys $1"
    return
  fi
  [ -r "$1" ] || fail 64 "Cannot use the key \"$1\": it is neither a public key of minisign nor a file"
  found=$(grep -oE 'RW[A-Za-z0-9+/]{54}' -- "$1" | tr '\n' ' ') ||
    fail 64 "Cannot use the file of keys \"$1\" as no public key of minisign is in it"
  release_keys="$release_keys $found"
}

# The newest version that was here; an older one is refused, as its mistakes are known.
check_version() {
  installed=$(readlink -- "$root$lib/current" 2>/dev/null || true)
  [ -n "$installed" ] && [ "$installed" != "$version" ] && [ "$downgrade" = no ] || return 0
  newest=$(printf '%s\n%s\n' "$installed" "$version" | sort -V | tail -n 1)
  [ "$newest" = "$version" ] || fail 65 "Cannot install $program $version as it is older than $installed, which is installed" \
    "get the newest release, or add --allow-downgrade"
}

# Before anything is changed: can all be written, also in a folder on a disk of its own? No file is as large as the probe.
check_writable() {
  for folder in $written_folders; do
    probe=''
    if { mkdir -p -- "$root$folder" && probe=$(mktemp "$root$folder/.opendca-XXXXXX") && head -c 65536 /dev/zero >"$probe"; } 2>"$work/said"; then
      rm -f -- "$probe"
      continue
    fi
    [ -z "$probe" ] || rm -f -- "$probe"
    fail 73 "Cannot write to $root$folder: $(sed -n '$s/.*: //p' "$work/said")" \
      "make it writable for the time of the installation, or free space on its disk"
  done
}

# copy_program FOLDER: the program and its manifest, checked.
copy_program() {
  if [ "$packed" = yes ]; then
    zstd -dqf -o "$1/$program" -- "$from/$file.zst" 2>"$work/said" || full "$file"
  else
    cp -- "$from/$file" "$1/$program" 2>"$work/said" || full "$file"
  fi
  check_hash "$1/$program" "$file"
  chmod 755 "$1/$program"
  for manifest in "$program-$version.manifest" "$program-$version.throw-away.manifest"; do
    [ -r "$from/$manifest" ] || continue
    cp -- "$from/$manifest" "$1/$program.manifest" 2>"$work/said" || full "$manifest"
    # Keys from beside a file only show that it is whole; a program with keys of its own does not look at them.
    keys=${manifest%.manifest}.keys
    [ ! -r "$from/$keys" ] || cp -- "$from/$keys" "$1/$program.keys" 2>"$work/said" || full "$keys"
    return 0
  done
}

full() { fail 73 "Cannot write $1: $(sed -n '1s/.*: //p' "$work/said")" "see whether the disk of $root$lib is full"; }

# The program in a folder beside the one that is in use, and run once.
stage_program() {
  staged=$(mktemp -d "$root$lib/.new-XXXXXX") || fail 73 "Cannot write to $root$lib"
  chmod 755 "$staged"
  copy_program "$staged"
  before_run "$staged"
  said=$("$staged/$program" --version 2>&1) || fail 70 "Cannot install $program $version as it does not run here: $said" \
    "see docs/install.md for the systems that it is for"
  # A runtime other than the tested one is named in brackets.
  [ "${said%% (*}" = "$program $version" ] || fail 65 "Cannot install $file as it says that it is \"$said\""
  # By two of the three release keys, which the program knows.
  if [ -e "$staged/$program.manifest" ]; then
    said=$("$staged/$program" verify 2>&1) || fail 65 "Cannot install $program $version as it finds that too few release keys have signed it" \
      "$(printf '%s\n' "$said" | sed -n 's/^error: //p')"
  fi
  same=no
  if [ -f "$root$lib/$version/$program" ]; then
    [ "$(sha256 <"$staged/$program")" != "$(sha256 <"$root$lib/$version/$program")" ] || same=yes
  fi
}

# put PART PATH
put() {
  part "$1" >"$work/part" || fail 69 "Cannot install as $1 is missing beside this script" "take install.sh from a release"
  put_file "$2" 644
}

# What an installation has replaced or added, so that restore_files can undo it. Not what the administrator edits.
note_before() {
  case $1 in "$etc"/*) return 0 ;; esac
  [ ! -e "$work/before$1" ] && ! grep -qxF -- "$1" "$work/added" 2>/dev/null || return 0
  if [ -e "$root$1" ]; then
    { mkdir -p -- "$work/before${1%/*}" && cp -p -- "$root$1" "$work/before$1"; } 2>/dev/null || return 0
    printf '%s\n' "$1" >>"$work/replaced"
  else
    printf '%s\n' "$1" >>"$work/added"
  fi
}

# The files of the version before: those that were replaced, and none that this version has added.
restore_files() {
  if [ -e "$work/added" ]; then
    while read -r each; do rm -f -- "$root$each"; done <"$work/added"
  fi
  if [ -e "$work/replaced" ]; then
    while read -r each; do
      # Not through what a write that was interrupted, or somebody else, has left there.
      if rm -f -- "$root$each.new" && cp -p -- "$work/before$each" "$root$each.new" && mv -f -- "$root$each.new" "$root$each"; then continue; fi
      rm -f -- "$root$each.new"
      say "note: $root$each is that of $version, as the one before could not be written"
    done <"$work/replaced"
  fi
}

# put_file PATH MODE: the file "part" at a path, unless it is there; all of it or nothing.
put_file() {
  target=$root$1
  if cmp -s "$work/part" "$target"; then return 0; fi
  new_files=yes
  if [ "$dry_run" = yes ]; then
    say "would write: $target"
    return 0
  fi
  note_before "$1"
  # agent.yaml may have secrets: until its mode is set, root alone reads it.
  if { mkdir -p -- "${target%/*}" && rm -f -- "$target.new" && (umask 077 && cp -- "$work/part" "$target.new") && chmod "$2" "$target.new" && mv -f -- "$target.new" "$target"; } 2>"$work/said"; then
    return 0
  fi
  rm -f -- "$target.new"
  fail 73 "Cannot write $target: $(sed -n '$s/.*: //p' "$work/said")" "see whether its disk is full or read-only"
}

# Puts the staged program in the place of the one that is in use. A program that runs keeps its own file.
switch_version() {
  if [ "$dry_run" = yes ]; then
    say "would write: $root$lib/$version/$program, $root$lib/current, $root/usr/local/bin/$program"
    return 0
  fi
  if [ "$same" = yes ]; then
    # Manifests may differ, as a further key can have signed.
    for each in "$staged"/*.manifest "$staged"/*.keys; do
      [ ! -e "$each" ] || cmp -s "$each" "$root$lib/$version/${each##*/}" || mv -f -- "$each" "$root$lib/$version/"
    done
  else
    rm -rf -- "$root$lib/.old"
    [ ! -e "$root$lib/$version" ] || mv -- "$root$lib/$version" "$root$lib/.old"
    mv -- "$staged" "$root$lib/$version"
    staged=''
    rm -rf -- "$root$lib/.old"
  fi
  link "$version" "$root$lib/current"
  link "$command_target" "$root/usr/local/bin/$program"
}

kept_paths() {
  for each in "$etc" $state_folders; do
    [ ! -e "$root$each" ] || printf '%s, ' "$root$each"
  done
}

# remove PATH…, below the root
remove() {
  for each in "$@"; do
    [ -e "$root$each" ] || [ -L "$root$each" ] || continue
    run rm -rf -- "$root$each" || fail 73 "Cannot remove $root$each" "see whether its disk is read-only"
  done
}

ask_about_state() {
  [ "$state" = ask ] || return 0
  kept=$(kept_paths)
  if [ -z "$kept" ]; then
    state=delete
    return 0
  fi
  [ -t 0 ] || [ "$dry_run" = yes ] || fail 64 "Cannot ask what is to happen to ${kept%, }, as there is no terminal" \
    "add --keep-state or --delete-state"
  if [ "$dry_run" = yes ]; then
    say "would ask whether to delete ${kept%, }"
    state=keep
    return 0
  fi
  [ "$product" = platform ] || say "The activation is in the state: without it this machine needs a new code."
  [ "$product" = agent ] || say "The state has all readings and the keys of the platform: without them every agent needs a new code."
  printf 'Delete %s for ever? [y/N] ' "${kept%, }"
  read -r answer || answer=''
  case $answer in
  y | Y | yes | YES) state=delete ;;
  *) state=keep ;;
  esac
}
