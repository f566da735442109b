# The verbs of the project; .ci/run calls the same commands.

# List the verbs
default:
    @just --list

# Everything that a change has to pass, the tests aside (the run needs root)
check:
    cargo fmt --all --check
    cargo clippy --all-targets -- -D warnings
    cargo run --release -p harness -- check
    cargo run --release -p harness -- run --check

# Mend what a machine can mend
fix:
    cargo clippy --all-targets --fix --allow-dirty --allow-staged -- -D warnings
    cargo fmt --all

# All tests; those of confinement need root, and say so when they are skipped
test:
    cargo test --workspace

# Every system call of a launch made to fail once, in each of ten kinds of launch; needs root
faults:
    cargo test -p sandbox --test confinement -- --ignored --nocapture faults

# Six thousand supervisors killed at random moments: with leases, with accounts, of hooks; needs root
kills:
    BULKHEAD_KILLS=2000 cargo test -p sandbox --test confinement -- --nocapture kills

# Hostile bytes for whatever reads them: six targets, each for so many seconds
fuzz seconds="60":
    tests/fuzz/run {{seconds}}

# Real kernels in virtual machines, all of them; hours without KVM; writes reports/machines.md
machines:
    cargo run --release -p machines -- matrix --update

# Both programs for aarch64, and the unit tests of `sandbox` under qemu-user; twenty minutes
aarch64:
    tests/machines/aarch64

# Accept snapshots, reports, pages, schemas, and the picture in the README; read the difference
bless:
    cargo run --release -p harness -- run --update
    cargo run --release -p harness -- schema --update
    cargo run --release -p harness -- pages --update
    INSTA_UPDATE=always cargo test --workspace

# The triple of this machine
host := `rustc -vV | sed -n 's/^host: //p'`

# `bulkhead` as it starts fastest: linked statically, at a fixed address (docs/performance.md)
fast:
    RUSTFLAGS="-C target-feature=+crt-static -C relocation-model=static" \
        cargo build --release -p sandbox --target {{host}}

# A wheel with both programs and the Python package, below target/wheels; needs maturin
wheel:
    cargo build --release -p harness
    mkdir -p target/wheel/data/scripts
    cp target/release/harness target/wheel/data/scripts/harness
    strip target/wheel/data/scripts/harness
    cd sandbox/python && maturin build --release --locked --out ../../target/wheels

# All that a release consists of, below target/dist: archive, wheel, bill of materials, digests
dist:
    dist/make

# The launch of `bulkhead`, beside bubblewrap's, and two hundred at once
bench:
    just fast
    tests/speed/launch target/{{host}}/release/bulkhead
    tests/speed/burst target/{{host}}/release/bulkhead

# Honest packages built without and with, as root and rootless; an hour; writes reports/corpus.md
corpus:
    cargo build --release -p sandbox
    python3 tests/corpus/run.py target/release/bulkhead --update

# The sandboxes of docs/targets.md that registries have, pinned, into one directory that labs show
rivals dir="/opt/rivals":
    tests/rivals/fetch {{dir}}

# One defect at a time in a copy of the sources, and who notices it; hours; writes reports/mutants.md
mutants *words:
    python3 tests/mutants/run.py --update {{words}}

# The documentation of the crates
docs:
    cargo doc --workspace --no-deps --document-private-items

# Licences, advisories and sources of the dependencies
deny:
    cargo deny check
