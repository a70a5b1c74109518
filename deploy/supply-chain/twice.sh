#!/usr/bin/env bash
# Builds the release in two different folders and compares the programs: twice.sh [FOLDER], which needs four gigabytes. Where the
# sources, the registry and the compiler lie is mapped away, so that the same commit and the same compiler give the same bytes.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
work=${1:-$(mktemp -d)}
mkdir -p "$work"

build() { # folder
  local folder=$work/$1 cargo_home=${CARGO_HOME:-$HOME/.cargo} sysroot
  rm -rf "$folder" && mkdir -p "$folder/src"
  git -C "$root" archive HEAD | tar -x -C "$folder/src"
  sysroot=$(rustc --print sysroot)
  (
    cd "$folder/src"
    export CARGO_TARGET_DIR=$folder/target CARGO_INCREMENTAL=0
    export RUSTFLAGS="--remap-path-prefix=$folder/src=/src --remap-path-prefix=$folder/target=/target --remap-path-prefix=$cargo_home=/cargo --remap-path-prefix=$sysroot=/rust"
    export CFLAGS="-ffile-prefix-map=$folder=/build -ffile-prefix-map=$cargo_home=/cargo"
    cargo build --release --locked --quiet
  )
  sha256sum <"$folder/target/release/duskwatch" | cut -d' ' -f1
}

one=$(build one)
two=$(build a-longer-name/two)
printf '%s\n%s\n' "$one" "$two"
if [[ $one != "$two" ]]; then
  echo "the programs differ: compare $work/one/target/release/duskwatch with $work/a-longer-name/two/target/release/duskwatch" >&2
  exit 1
fi
echo "the same program from two folders"
