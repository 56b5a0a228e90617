#!/usr/bin/env bats
# Images of a program that is none of ours, made twice. tests/e2e/images.sh runs those of a release.

bats_require_minimum_version 1.5.0
load ../linux/fixture

# build [PROGRAM [FOLDER]]: with the time of files set.
build() {
  SOURCE_DATE_EPOCH=1700000000 sh "$BATS_TEST_DIRNAME/build_image.sh" "${1:-opendca}" 1.2.3 "$arch" "${2:-$from}"
}

# A program with libraries.
make_program() {
  cp /usr/bin/env "$from/$1-1.2.3-linux-$arch"
  printf '{\n  "commit": "0123456789abcdef"\n}\n' >"$from/$1-1.2.3.manifest"
  echo licences >"$from/$1-1.2.3.licenses.txt"
}

# layer ARCHIVE: what is in its only layer, as tar lists it.
layer() {
  rm -rf "$BATS_TEST_TMPDIR/image"
  mkdir "$BATS_TEST_TMPDIR/image"
  tar -xf "$1" -C "$BATS_TEST_TMPDIR/image"
  layers=$(python3 -c 'import json, sys; [image] = json.load(open(sys.argv[1])); print(*image["Layers"])' "$BATS_TEST_TMPDIR/image/manifest.json")
  tar --numeric-owner -tvzf "$BATS_TEST_TMPDIR/image/$layers"
}

@test "an image has program, manifest, libraries, certificates and ping, and nothing to start a shell with" {
  make_program opendca
  build
  list=$(layer "$from/opendca-1.2.3-linux-$arch.oci.tar")
  echo "$list"
  for path in usr/bin/opendca usr/lib/opendca/opendca usr/lib/opendca/opendca.manifest usr/bin/ping etc/ssl/certs/ca-certificates.crt \
    usr/share/doc/libc6/copyright usr/share/doc/opendca/licenses.txt; do
    grep -qE " $path( ->|\$)" <<<"$list"
  done
  grep -qE '/libc\.so\.6$' <<<"$list"
  # Of all folders of programs: nothing else.
  [ "$(grep -cE ' (usr/)?s?bin/.' <<<"$list")" = 2 ]
  # State belongs to the user, all else to root; nothing has a right of its own.
  [ "$(grep -c ' 65532/65532 ' <<<"$list")" = 2 ]
  [ "$(grep -cE '^drwx------ 65532/65532 .* var/lib/opendca(-guard)?/$' <<<"$list")" = 2 ]
  [ "$(grep -cvE ' (0/0|65532/65532) ' <<<"$list")" = 0 ]
  [ "$(grep -cE '^-..[sS]|^-.....[sS]' <<<"$list")" = 0 ]
}

@test "two builds in two folders make the same bytes, of the agent and of the platform" {
  for name in opendca opendca-platform; do
    make_program "$name"
    mkdir "$BATS_TEST_TMPDIR/other"
    cp "$from/"* "$BATS_TEST_TMPDIR/other"
    first=$(build "$name")
    touch "$BATS_TEST_TMPDIR/other/"*
    second=$(umask 077 && build "$name" "$BATS_TEST_TMPDIR/other")
    echo "$first; $second"
    [ "$first" = "$second" ]
    [[ "$first" == "$name:1.2.3 sha256:"* ]]
    cmp "$from/$name-1.2.3-linux-$arch.oci.tar" "$BATS_TEST_TMPDIR/other/$name-1.2.3-linux-$arch.oci.tar"
    rm -r "$BATS_TEST_TMPDIR/other"
  done
}

@test "docker's and OCI's way to load it find the same image, which says what it is" {
  make_program opendca-platform
  build opendca-platform
  for way in docker-archive oci-archive; do
    skopeo inspect --config "$way:$from/opendca-platform-1.2.3-linux-$arch.oci.tar" >"$BATS_TEST_TMPDIR/$way"
  done
  cmp "$BATS_TEST_TMPDIR/docker-archive" "$BATS_TEST_TMPDIR/oci-archive"
  python3 - "$BATS_TEST_TMPDIR/oci-archive" <<'EOF'
import json, sys
image = json.load(open(sys.argv[1]))
config = image["config"]
assert image["created"] == "2023-11-14T22:13:20Z", image["created"]
assert config["User"] == "65532:65532", config["User"]
assert config["Entrypoint"] == ["/usr/bin/opendca-platform"] and config["Cmd"] == ["serve"], config
assert config["Volumes"] == {"/var/lib/opendca-platform": {}} and "8443" in list(config["ExposedPorts"])[0], config
labels = config["Labels"]
assert labels["org.opencontainers.image.revision"] == "0123456789abcdef", labels
assert labels["org.opencontainers.image.version"] == "1.2.3", labels
assert "libc6 " in labels["org.opendca.libraries"], labels
assert not [name for name in labels if name.startswith("io.buildah")], labels
EOF
}

@test "no image is made for another processor, of a program that is not there, or with a wrong name" {
  make_program opendca
  other=arm64
  [ "$arch" = x64 ] || other=x64
  run --separate-stderr sh "$BATS_TEST_DIRNAME/build_image.sh" opendca 1.2.3 "$other" "$from"
  refused 69 "on this machine"
  run --separate-stderr sh "$BATS_TEST_DIRNAME/build_image.sh" opendca 9.9.9 "$arch" "$from"
  [ "$status" != 0 ]
  run --separate-stderr sh "$BATS_TEST_DIRNAME/build_image.sh" word 1.2.3 "$arch" "$from"
  refused 64 'program "word"'
  run --separate-stderr sh "$BATS_TEST_DIRNAME/build_image.sh" opendca
  [ "$status" = 64 ]
  [ -z "$(find "$from" -name '*.tar')" ]
}
