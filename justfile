# What one does every day; `just` lists it.

_list:
    @{{ just_executable() }} --list --unsorted

# queue, services and databases in one process
run:
    cargo run

# one order of each kind, shown until each has reached its end
demo:
    cargo run -- demo

# queue, services and databases in one process, again on every save
watch:
    bacon run

# everything in containers
up:
    docker-compose up --build

# everything in containers, from the sources, again on every save
dev:
    docker-compose -f docker-compose.yml -f docker-compose.dev.yml up --build

# everything in containers, with dashboards, alerts and traces
observe:
    docker-compose -f docker-compose.yml -f docker-compose.observability.yml up --build

# stop all of these containers and forget their data
down:
    docker-compose -f docker-compose.yml -f docker-compose.dev.yml -f docker-compose.observability.yml down -v

# the whole suite, or what follows: just test -p order-service
test *arguments="--workspace":
    cargo test {{ arguments }}

# format and clippy, as CI
check:
    cargo fmt --all --check
    cargo clippy --workspace --all-targets --locked -- -D warnings

# put into the one format
format:
    cargo fmt --all

# the real binaries under every fault
faults:
    cargo test -p fault-suite -- --ignored --nocapture

# everything that CI runs
ci:
    bash .ci/run

# deploy to AWS, or what follows: just deploy Redundant=yes
deploy *parameters:
    deploy/aws/deploy {{ parameters }}
