"""Oracle values for tests/labels.rs.

Made with ovito 3.17.2 and numpy from PyPI:
    python make.py
Writes a random tilted cell of 200 atoms of two species, the same atoms after a shear of the cell
by a tenth and random displacements (sheared.extxyz, two frames of unwrapped positions), and for
every atom OVITO's D2_min (a sum over neighbours within 2.5 in the first frame) and the number of
neighbours as float64 .npy.
"""
import numpy as np
import ovito
from ovito.data import DataCollection, Particles, SimulationCell
from ovito.modifiers import AtomicStrainModifier
from ovito.pipeline import Pipeline, StaticSource

print(ovito.version_string)
rng = np.random.default_rng(106)
cell = np.array([[7.0, 0, 0], [1.2, 6.6, 0], [-0.8, 0.9, 7.4]])
positions = []
inverse = np.linalg.inv(cell)
while len(positions) < 200:
    r = rng.random(3) @ cell
    d = np.array([r - p for p in positions]).reshape(-1, 3) @ inverse
    d = (d - np.round(d)) @ cell
    if len(positions) == 0 or np.min(np.linalg.norm(d, axis=1)) > 0.75:
        positions.append(r)
positions = np.array(positions)
shear = np.eye(3)
shear[1, 0] = 0.1  # x += 0.1 y, and so does the cell's second and third edge
moved = positions @ shear + rng.normal(scale=0.15, size=positions.shape)
new_cell = cell @ shear
names = np.where(np.arange(200) % 5 == 0, "B", "A")


def lattice(c):
    return " ".join(repr(float(x)) for x in c.ravel())


with open("sheared.extxyz", "w") as f:
    for k, (c, r) in enumerate([(cell, positions), (new_cell, moved)]):
        f.write(f'200\nLattice="{lattice(c)}" Properties=species:S:1:pos:R:3 Time={k}\n')
        for name, x in zip(names, r):
            f.write(f"{name} {' '.join(repr(float(y)) for y in x)}\n")


def collection(c, r):
    data = DataCollection()
    data.objects.append(SimulationCell(pbc=(True, True, True)))
    data.cell_[:, :3] = c.T
    particles = Particles()
    particles.create_property("Position", data=r)
    particles.create_property("Particle Identifier", data=np.arange(1, len(r) + 1))
    data.objects.append(particles)
    return data


pipeline = Pipeline(source=StaticSource(data=collection(new_cell, moved)))
modifier = AtomicStrainModifier(
    cutoff=2.5,
    output_nonaffine_squared_displacements=True,
    eliminate_cell_deformation=False,
)
modifier.affine_mapping = AtomicStrainModifier.AffineMapping.Off
modifier.minimum_image_convention = False
modifier.reference = StaticSource(data=collection(cell, positions))
pipeline.modifiers.append(modifier)
data = pipeline.compute()
d2 = np.array(data.particles["Nonaffine Squared Displacement"])
np.save("d2min-ovito.npy", d2.astype("<f8"))

# The same by numpy, neighbours by brute force.
mine = []
for i in range(200):
    before, after = [], []
    for j in range(200):
        for n in np.ndindex(3, 3, 3):
            n = np.array(n) - 1
            r = positions[j] + n @ cell - positions[i]
            if 0 < np.linalg.norm(r) < 2.5:
                before.append(r)
                after.append(moved[j] + n @ new_cell - moved[i])
    before, after = np.array(before), np.array(after)
    fit, *_ = np.linalg.lstsq(before, after, rcond=None)
    mine.append(((after - before @ fit) ** 2).sum())
print("largest difference", np.abs(np.array(mine) - d2).max(), "of", d2.max())
