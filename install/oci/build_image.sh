#!/bin/sh
# Makes an OCI image of one program of a release, from scratch and without a shell:
# sh install/oci/build_image.sh opendca 0.2.0 x64 FOLDER
# Takes the same files of FOLDER as package_deb.sh. Writes FOLDER/opendca-0.2.0-linux-x64.oci.tar, which docker and podman
# load. It needs buildah, on Debian 12 or newer with ca-certificates, and iputils-ping for the agent, as their files are
# copied: the processor is that of this machine. Nothing of the image is run.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
# shellcheck source=install/package.sh
. "$here/../package.sh"
if [ "$debian_processor" != "$(dpkg --print-architecture)" ]; then
  echo "error: Cannot make an image for $processor on this machine, whose libraries are for $(dpkg --print-architecture)" >&2
  exit 69
fi
# As a number: what is in the image has no other, and a volume keeps it.
user=65532
tag=$name:$version
file=$name-$version-linux-$processor.oci.tar

work=$(mktemp -d)
trap 'rm -rf -- "$work"' EXIT
root=$work/files
mkdir "$root"
put_program "$root"

# copy_system PATH: a file of this system, and the licence of the package that it is from.
copy_system() {
  mkdir -p -- "$root${1%/*}"
  # Without a capability of the file, which a bounding set without it would keep from being started.
  [ -e "$root$1" ] || install -m "$(stat -Lc %a -- "$1")" -- "$1" "$root$1"
  package=$(dpkg -S -- "$1" "/usr$1" "${1#/usr}" 2>/dev/null | sed -n '1s/:.*//p')
  if [ -z "$package" ]; then
    echo "error: Cannot copy $1 as it is of no package of this system" >&2
    exit 69
  fi
  printf '%s\n' "$package" >>"$work/packages"
}

set -- "$root/usr/lib/$name/$name"
if [ "$name" = opendca ]; then
  if [ ! -x /usr/bin/ping ] && [ ! -x /bin/ping ]; then
    echo "error: Cannot make the image as there is no ping to copy: install iputils-ping" >&2
    exit 69
  fi
  ping=/usr/bin/ping
  [ -x "$ping" ] || ping=/bin/ping
  copy_system "$ping"
  set -- "$@" "$ping"
fi
: >"$work/packages.all"
for program in "$@"; do
  # Of what is no dynamic executable, it says so, and nothing is to be copied.
  { ldd "$program" 2>/dev/null || true; } | grep -oE '/[^ ]+ \(0x' | sed 's/ .*//'
done | sort -u >"$work/libraries"
while read -r library; do copy_system "$library"; done <"$work/libraries"

# Of the distribution alone: what an administrator has added to this machine is not for others.
mkdir -p "$root/etc/ssl/certs"
find /usr/share/ca-certificates/mozilla -name '*.crt' | LC_ALL=C sort | xargs cat >"$root/etc/ssl/certs/ca-certificates.crt"
echo ca-certificates >>"$work/packages"
LC_ALL=C sort -u "$work/packages" >"$work/packages.all"
while read -r package; do
  install -D -m 644 "/usr/share/doc/$package/copyright" "$root/usr/share/doc/$package/copyright"
done <"$work/packages.all"
# shellcheck disable=SC2016 # For dpkg-query.
libraries=$(xargs dpkg-query -W -f '${Package} ${Version}, ' <"$work/packages.all")
licences=$folder/$name-$version.licenses.txt
[ ! -e "$licences" ] || install -D -m 644 -- "$licences" "$root/usr/share/doc/$name/licenses.txt"

printf 'root:x:0:0:root:/nonexistent:/nonexistent\n%s:x:%s:%s:OpenDCA:/nonexistent:/nonexistent\n' "$name" "$user" "$user" >"$root/etc/passwd"
printf 'root:x:0:\n%s:x:%s:\n' "$name" "$user" >"$root/etc/group"
echo 'hosts: files dns' >"$root/etc/nsswitch.conf"
mkdir -p "$root$etc" "$root/run/secrets"
install -d -m 1777 "$root/tmp"
for each in $state; do
  mkdir -p "$root${each%/*}" "$work/state/${each##*/}"
  chmod 700 "$work/state/${each##*/}"
done

# A store of its own, which works without the kernel's overlays.
images() { buildah --root "$work/storage" --runroot "$work/run" --storage-driver vfs "$@"; }
container=$(images from scratch)
images copy --quiet --chown 0:0 "$container" "$root" / >/dev/null
# A new volume takes owner and mode from there.
images copy --quiet --chown "$user:$user" "$container" "$work/state" /var/lib >/dev/null
commit=$(sed -n 's/^ *"commit": "\([0-9a-f]*\)".*/\1/p' "$root/usr/lib/$name/$name.manifest" 2>/dev/null || true)
if [ "$name" = opendca ]; then
  # Secrets of docker, podman and compose are files there: { credential: NAME } in agent.yaml.
  set -- --cmd run --env MALLOC_ARENA_MAX=2 --env CREDENTIALS_DIRECTORY=/run/secrets
else
  set -- --cmd serve --port 8443
fi
for each in $state; do set -- "$@" --volume "$each"; done
images config "$@" --arch "$debian_processor" --user "$user:$user" --workingdir / --env PATH=/usr/bin \
  --entrypoint "[\"/usr/bin/$name\"]" --created-by install/oci/build_image.sh \
  --label "org.opencontainers.image.title=$name" --label "org.opencontainers.image.version=$version" \
  --label "org.opencontainers.image.revision=$commit" --label "org.opencontainers.image.description=OpenDCA, $summary" \
  --label "org.opencontainers.image.licenses=Apache-2.0" --label "org.opendca.libraries=${libraries%, }" "$container"
images commit --quiet --timestamp "$SOURCE_DATE_EPOCH" --identity-label=false --disable-compression=false --format oci "$container" "oci:$work/image:$version" >/dev/null
# An image in both layouts: OCI's index.json, and the manifest.json that "docker load" of any version reads.
manifest=$(sed -nE 's/.*"digest":"sha256:([0-9a-f]{64})".*/\1/p' "$work/image/index.json")
# Of the configuration and of the layers, in that order.
digests=$(grep -oE 'sha256:[0-9a-f]{64}' "$work/image/blobs/sha256/$manifest" | sed 's|sha256:|blobs/sha256/|')
printf '[{"Config":"%s","RepoTags":["%s"],"Layers":[%s]}]' "$(printf '%s\n' "$digests" | head -n 1)" "$tag" \
  "$(printf '%s\n' "$digests" | sed '1d; s/.*/"&"/' | paste -sd,)" >"$work/image/manifest.json"
tar --create --file "$work/$file" --directory "$work/image" --format ustar --sort name --mtime "@$SOURCE_DATE_EPOCH" \
  --owner 0 --group 0 --numeric-owner --mode u=rwX,go=rX blobs index.json manifest.json oci-layout
mv -- "$work/$file" "$folder/$file"
echo "$tag sha256:$manifest"
