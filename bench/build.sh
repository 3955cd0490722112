# Sourced by `run` and `growth`: builds what they need and puts into `arguments` where it is.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
work=$root/target/bench
export CARGO_TARGET_DIR=$root/target

say() { echo "bench: $*" >&2; }

# commit_of TREE: short, and marked where something has been changed since.
commit_of() {
  local changed=
  [ -z "$(git -C "$1" status --porcelain --untracked-files=no)" ] || changed=-changed
  echo "$(git -C "$1" rev-parse --short HEAD)$changed"
}

# build_services NAME TREE CRATE...: builds that tree and keeps its binaries; cargo compiles what trees share only once.
build_services() {
  local name=$1 tree=$2 binaries=$work/bin/$1 crate
  shift 2
  say "building $name ($profile)"
  # Else cargo takes what it has built of another tree, at the same place in its workspace, for this one's.
  find "$tree" -path "$tree/target" -prune -o -name '*.rs' -exec touch {} +
  (cd "$tree" && cargo build --quiet --locked $release "${@/#/--package=}")
  mkdir -p "$binaries"
  for crate in "$@"; do
    # Not over a file that may be running.
    rm -f "$binaries/$crate"
    cp "$CARGO_TARGET_DIR/$profile/$crate" "$binaries/$crate"
  done
}

# add_build NAME COMMIT TREE
add_build() { arguments+=(--build "$1=$2=$work/bin/$1=$3"); }

build_this_tree() {
  build_services "this tree" "$root" order-service payment-service embedded-queue
  say "building the harness and the floor"
  (cd "$root/bench" && cargo build --quiet --locked $release --package=harness --package=floor)
  add_build "this tree" "$(commit_of "$root")" "$root"
  arguments+=(--embedded-queue "$work/bin/this tree/embedded-queue")
  harness=$CARGO_TARGET_DIR/$profile/harness
}

# build_baseline COMMIT-ISH: in a worktree of its own.
build_baseline() {
  local commit tree
  commit=$(git -C "$root" rev-parse --short "$1^{commit}")
  tree=$work/trees/$commit
  if [ ! -d "$tree" ]; then
    git -C "$root" worktree prune
    git -C "$root" worktree add --quiet --detach "$tree" "$commit"
  fi
  build_services "$commit" "$tree" order-service payment-service
  add_build "$commit" "$commit" "$tree"
}

# The server of BENCH_DATABASE_URL, else a container of our own, else none.
find_postgres() {
  local url=${BENCH_DATABASE_URL:-} container
  if [ -z "$url" ] && docker info >/dev/null 2>&1; then
    say "starting postgres:17 (fsync=on); set BENCH_DATABASE_URL to use another server"
    container=$(docker run -d -e POSTGRES_PASSWORD=bench -p 127.0.0.1::5432 postgres:17 \
      postgres -c fsync=on -c synchronous_commit=on -c max_connections=200)
    trap 'docker rm -fv '"$container"' >/dev/null' EXIT
    # Over TCP: while it makes its first database it answers on its socket only.
    until docker exec "$container" pg_isready -q -h 127.0.0.1; do sleep 0.2; done
    url=postgres://postgres:bench@$(docker port "$container" 5432/tcp | head -1)/postgres
  fi
  if [ -n "$url" ]; then
    arguments+=(--postgres "$url")
  else
    say "PostgreSQL is left out: BENCH_DATABASE_URL is not set, and there is no Docker engine"
  fi
}

arguments=(--scratch "$work/data")
release=--release profile=release
# What a run that was killed has left.
rm -rf "$work/data"
mkdir -p "$work/data"
