"""Sorption of `fulgurite` against JAX, in turns: the numbers of docs/sorption.md, "Speed".

    python -m venv venv && venv/bin/pip install jax==0.10.2 numpy
    cargo build --release
    venv/bin/python benches/sorption_jax.py target/release/fulgurite [--lattices 512] [--rounds 5]

The same random lattices of 20 x 20 sites, 40 humidities, M = 100 iterations, single precision. JAX
is compiled before the clock starts; of `fulgurite` whole commands are timed, start-up and files
included. CPU seconds of all threads, so that other processes on the machine matter less.
"""

import argparse
import pathlib
import resource
import statistics
import subprocess
import tempfile
import time

import jax
import jax.numpy as jnp
import numpy as np

ITERATIONS = 100
POINTS = 40
TEMPERATURE, CRITICAL, WETTABILITY = 298.0, 647.0, 1.5
FLUID = CRITICAL / TEMPERATURE  # w_ff / kT = 4 T_c / (c T) with c = 4
SOLID = WETTABILITY * FLUID
SATURATION = -2.0 * CRITICAL / TEMPERATURE
HUMIDITIES = jnp.arange(1, POINTS + 1, dtype=jnp.float32) / POINTS


def near(field):
    """Sum over the four neighbours, periodic."""
    return sum(jnp.roll(field, step, axis) for axis in (-1, -2) for step in (1, -1))


def isotherms(eta, repeat):
    """Adsorption isotherms; `repeat(step, rho)` makes the iterations of a point."""
    attraction = SOLID * near(1.0 - eta)

    def point(rho, humidity):
        field = SATURATION + jnp.log(humidity) + attraction
        rho = repeat(lambda r: eta * jax.nn.sigmoid(field + FLUID * near(r)), rho)
        return rho, rho.sum((-1, -2)) / eta.sum((-1, -2))

    return jax.lax.scan(point, jnp.zeros_like(eta), HUMIDITIES)[1]


def by_loop(step, rho):
    return jax.lax.fori_loop(0, ITERATIONS, lambda _, r: step(r), rho)


def by_scan(step, rho):
    """As by_loop, for reverse differentiation."""
    return jax.lax.scan(lambda r, _: (step(r), None), rho, None, length=ITERATIONS)[0]


def loss(eta):
    """Squared difference to filling = humidity, averaged over points, summed over lattices."""
    difference = isotherms(eta, by_scan) - HUMIDITIES[:, None]
    return (difference**2).mean(0).sum()


def seconds_of_jax(function, eta):
    before = time.process_time()
    result = jax.block_until_ready(function(eta))
    return time.process_time() - before, result


def seconds_of_command(command):
    usage = lambda: resource.getrusage(resource.RUSAGE_CHILDREN)
    before = usage()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    after = usage()
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def compare(name, ours, theirs, rounds):
    pairs = [(ours(), theirs()) for _ in range(rounds)]
    ratios = sorted(b / a for a, b in pairs)
    mine, other = (statistics.median(p[k] for p in pairs) for k in (0, 1))
    print(
        f"{name}: fulgurite {mine:.3f} s, JAX {other:.3f} s, ratio "
        f"{statistics.median(ratios):.1f} ({ratios[0]:.1f} to {ratios[-1]:.1f})",
        flush=True,
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program", type=pathlib.Path)
    parser.add_argument("--lattices", type=int, default=512)
    parser.add_argument("--gradients", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    program = [str(options.program.resolve()), "sorption"]
    print(f"JAX {jax.__version__} on {jax.devices()[0]}, fulgurite on {options.device}")
    with tempfile.TemporaryDirectory() as place:
        here = pathlib.Path(place)

        def command(what, grid, *more):
            output = ["--output", str(here / f"{what}.npy"), "--overwrite"]
            grid = [str(here / grid), "--batch", "--device", options.device]
            return [*program, what, *grid, *output, *more]

        def generate(name, count):
            size = ["--count", str(count), "--seed", "9", "--output", str(here / name)]
            subprocess.run([*program, "generate", *size], check=True, stdout=subprocess.DEVNULL)
            return jnp.asarray(np.load(here / name), dtype=jnp.float32)

        many = generate("many.npy", options.lattices)
        few = generate("few.npy", options.gradients)
        forward = jax.jit(lambda eta: isotherms(eta, by_loop))
        backward = jax.jit(jax.value_and_grad(loss))
        truncated = ["--truncated", str(ITERATIONS)]
        # Compiles, and shows that both compute the same.
        subprocess.run(command("isotherm", "many.npy", *truncated), check=True, capture_output=True)
        have = np.load(here / "isotherm.npy")[:, :, 1].T
        print(f"largest difference of isotherms: {np.abs(have - forward(many)).max():.1e}")
        target = ["--target", "y=x"]
        subprocess.run(
            command("gradient", "few.npy", *truncated, *target), check=True, capture_output=True
        )
        have, want = np.load(here / "gradient.npy"), np.asarray(backward(few)[1])
        scale = np.abs(want).max((1, 2))
        worst = (np.abs(have - want).max((1, 2)) / scale).max()
        print(f"largest difference of gradients: {worst:.1e} of the largest component of a lattice")
        forward(few).block_until_ready()
        for grid, eta in (("many.npy", many), ("few.npy", few)):
            compare(
                f"truncated isotherms of {len(eta)} lattices",
                lambda: seconds_of_command(command("isotherm", grid, *truncated)),
                lambda: seconds_of_jax(forward, eta)[0],
                options.rounds,
            )
        for name, scheme in (("implicit", ["--converged"]), ("through the iterations", truncated)):
            compare(
                f"isotherms and gradients of {len(few)} lattices, {name} (JAX: unrolled)",
                lambda: seconds_of_command(command("gradient", "few.npy", *scheme, *target)),
                lambda: seconds_of_jax(backward, few)[0],
                options.rounds,
            )


if __name__ == "__main__":
    main()
