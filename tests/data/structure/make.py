"""Structure of the reference glass as freud and OVITO see it.

    pip install freud-analysis==3.4.0 ovito==3.17.2 numpy
    python make.py          # in this directory; writes the .csv files beside it

Input: ../sodium-silicate/glass-300K.data.gz, 3000 atoms of (Na2O)30(SiO2)70.
"""

import gzip
import shutil
import tempfile

import freud
import numpy as np
from ovito.io import import_file
from ovito.modifiers import (
    BondAnalysisModifier,
    CoordinationAnalysisModifier,
    CreateBondsModifier,
    VoronoiAnalysisModifier,
)

NAMES = {1: "Na", 2: "Si", 3: "O"}
SI_O, NA_O = 2.2, 3.2

with tempfile.NamedTemporaryFile(suffix=".data") as plain:
    with gzip.open("../sodium-silicate/glass-300K.data.gz") as packed:
        shutil.copyfileobj(packed, plain)
    plain.flush()
    pipeline = import_file(plain.name, atom_style="charge")
    data = pipeline.compute()

# g(r) of pairs to 10 Å in 200 bins.
rdf = data.clone()
rdf.apply(CoordinationAnalysisModifier(cutoff=10.0, number_of_bins=200, partial=True))
table = rdf.tables["coordination-rdf"]
pairs = [p.replace("1", "Na").replace("2", "Si").replace("3", "O") for p in table.y.component_names]
np.savetxt(
    "ovito-rdf.csv", np.column_stack([table.xy()[:, 0], table.y]), delimiter=",",
    header="r," + ",".join(pairs), comments="", fmt="%.6g",
)

# Coordination numbers and bond angles with bonds up to SI_O and NA_O.
bonded = data.clone()
modifier = CreateBondsModifier(mode=CreateBondsModifier.Mode.Pairwise)
modifier.set_pairwise_cutoff(1, 3, NA_O)
modifier.set_pairwise_cutoff(2, 3, SI_O)
bonded.apply(modifier)
kinds = np.array(bonded.particles["Particle Type"])
count = {}
for a, b in np.array(bonded.particles.bonds.topology):
    for center, other in ((a, b), (b, a)):
        count.setdefault((kinds[center], kinds[other]), np.zeros(len(kinds), int))[center] += 1
with open("ovito-coordination.csv", "w") as out:
    print("centre,neighbour,coordination,atoms", file=out)
    for (center, other), numbers in sorted(count.items()):
        values, atoms = np.unique(numbers[kinds == center], return_counts=True)
        for value, number in zip(values, atoms):
            print(NAMES[center], NAMES[other], value, number, sep=",", file=out)
bonded.apply(BondAnalysisModifier(
    bins=180, partition=BondAnalysisModifier.Partition.ByParticleType,
    cosine_mode=False, length_cutoff=4.0,
))
table = bonded.tables["bond-angle-distr"]
triplets = ["-".join(NAMES.get(int(k), k) if k.isdigit() else k for k in name.split("-"))
            for name in table.y.component_names]
seen = [k for k in range(len(triplets)) if np.array(table.y)[:, k].sum() > 0]
np.savetxt(
    "ovito-angles.csv", np.column_stack([table.xy()[:, 0], np.array(table.y)[:, seen]]), delimiter=",",
    header="angle," + ",".join(triplets[k] for k in seen), comments="", fmt="%.10g",
)

# Voronoi volumes.
cells = data.clone()
cells.apply(VoronoiAnalysisModifier(use_radii=False, relative_face_threshold=0.0))
order = np.argsort(np.array(cells.particles["Particle Identifier"]))
np.savetxt(
    "ovito-voronoi.csv", np.array(cells.particles["Atomic Volume"])[order],
    header="volume of each atom by identifier", comments="", fmt="%.7g",
)

# S(Q) by freud from Debye's formula with the nearest image of every pair, and by numpy over all wave
# vectors of the box up to 3 1/Å. (freud's StaticStructureFactorDirect takes only some of them and
# does not say which.)
box = freud.box.Box.from_matrix(np.array(data.cell[:, :3]))
points = np.array(data.particles.positions) - np.array(data.cell[:, 3])
debye = freud.diffraction.StaticStructureFactorDebye(8, 8.0, 1.0)
debye.compute((box, box.wrap(points - 0.5 * np.array(data.cell[:, :3]).sum(axis=1))))
np.savetxt(
    "freud-debye.csv", np.column_stack([debye.k_values, debye.S_k]), delimiter=",",
    header="Q,S", comments="", fmt="%.7g",
)
edge = data.cell[0, 0]
longest = int(3.0 * edge / (2 * np.pi)) + 1
axis = np.arange(-longest, longest + 1)
grid = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1).reshape(-1, 3)
length = 2 * np.pi / edge * np.linalg.norm(grid, axis=1)
keep = (length > 0) & (length < 3.0)
grid, length = grid[keep], length[keep]
waves = np.array([abs(np.exp(2j * np.pi / edge * (points @ h)).sum()) ** 2 / len(points) for h in grid])
with open("numpy-scattering.csv", "w") as out:
    print("Q of the bin,S", file=out)
    for k in range(30):
        inside = (length >= 0.1 * k) & (length < 0.1 * (k + 1))
        if inside.any():
            print(f"{0.1 * k + 0.05:.2f},{waves[inside].mean():.10g}", file=out)
