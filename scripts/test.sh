#!/usr/bin/env bash
# Formatting, lints, documentation and every test on reference, cpu and gpu.
#
#   scripts/test.sh            missing GPU coverage is said, and is a failure when CI is set
#
# Needs Rust. Installs Mesa's software Vulkan driver from the distribution's packages (apt, dnf,
# pacman or zypper) where no Vulkan adapter is there; set FULGURITE_NO_INSTALL=1 to forbid that.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf '\n== %s\n' "$*"; }

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; elif command -v sudo >/dev/null; then sudo -n "$@"; else return 1; fi
}

install_packages() { # apt-name dnf-name pacman-name zypper-name
    [ -z "${FULGURITE_NO_INSTALL:-}" ] || return 1
    if command -v apt-get >/dev/null; then
        { as_root apt-get update -qq && as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq $1; } >/dev/null
    elif command -v dnf >/dev/null; then as_root dnf install -y -q $2 >/dev/null
    elif command -v pacman >/dev/null; then as_root pacman -S --noconfirm --needed -q $3 >/dev/null
    elif command -v zypper >/dev/null; then as_root zypper -n -q install $4 >/dev/null
    else return 1; fi
}

vulkan_driver_files() { ls /usr/share/vulkan/icd.d/*.json /etc/vulkan/icd.d/*.json 2>/dev/null || true; }
swiftshader() { ls /usr/lib/chromium/vk_swiftshader_icd.json /usr/lib64/chromium*/vk_swiftshader_icd.json 2>/dev/null | head -n 1 || true; }

if [ -z "$(vulkan_driver_files)" ]; then
    say "no Vulkan driver: installing Mesa's software driver"
    install_packages "mesa-vulkan-drivers libvulkan1" "mesa-vulkan-drivers vulkan-loader" \
        "vulkan-swrast vulkan-icd-loader" "libvulkan_lvp libvulkan1" ||
        echo "could not install it: GPU tests will be missing"
fi
if [ -n "${CI:-}" ] && [ -z "$(swiftshader)" ]; then
    say "installing a second, stricter software Vulkan driver (SwiftShader, in the chromium package)"
    install_packages chromium chromium chromium chromium || echo "could not install it"
fi

browser() { for b in chromium chromium-browser google-chrome google-chrome-stable; do command -v "$b" && return; done; true; }
if [ -n "${CI:-}" ] && [ -z "$(browser)" ]; then
    say "installing chromium, which loads the report pages"
    install_packages chromium chromium chromium chromium || echo "could not install it"
fi
[ -n "$(browser)" ] || [ -n "${FULGURITE_BROWSER:-}" ] ||
    echo "NO BROWSER: report pages will not be loaded, and skipped is not passed"

say "formatting"
cargo fmt --all --check

say "lints"
cargo clippy --quiet --all-targets --profile checked -- -D warnings

say "documentation"
RUSTDOCFLAGS="-D warnings" cargo doc --quiet --no-deps --document-private-items --profile checked

if [ -n "$(vulkan_driver_files)" ] || [ -n "${CI:-}" ]; then
    export FULGURITE_REQUIRE_GPU=1
else
    echo "NO VULKAN DRIVER: tests on gpu will be skipped, and skipped is not passed"
fi

# Tests leave nothing in the user's cache directory.
export FULGURITE_PIPELINE_CACHE=

say "tests on reference, cpu and gpu"
cargo test --profile checked

second=$(swiftshader)
if [ -n "$second" ]; then
    say "gpu tests on SwiftShader"
    # What holds for the physics of a trajectory was shown on the first driver: bits and forces differ
    # between drivers, not the integrator.
    VK_DRIVER_FILES="$second" VK_ICD_FILENAMES="$second" cargo test --profile checked \
        --test 'gpu_*' --test conformance --test reference_data --test replicas \
        --test descriptors --test sorption --test properties -- \
        --skip conserved_quantities_do_not_drift --skip overlapping_start_relaxes_under_a_cap
    VK_DRIVER_FILES="$second" VK_ICD_FILENAMES="$second" cargo test --profile checked \
        --test dynamics -- --skip cpu_ --skip every_thermostat_conserves_its_quantity \
        --skip momentum_is_conserved
    VK_DRIVER_FILES="$second" VK_ICD_FILENAMES="$second" cargo test --profile checked \
        --test protocol gpu
elif [ -n "${CI:-}" ]; then
    echo "SwiftShader is missing: gpu tests ran on one driver only" >&2
    exit 1
fi

say "all passed"
