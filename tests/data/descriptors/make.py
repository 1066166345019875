"""Oracle values for tests/descriptors.rs.

Made with dscribe 2.1.2, freud-analysis 3.4.0, ase 3.29.0 and numpy from PyPI:
    python make.py
Writes a random tilted cell of 48 atoms (silicate.extxyz) whose cutoffs reach beyond half the
box, and the features of all its atoms as float64 .npy.
"""
import freud
import numpy as np
from ase import Atoms
from ase.io import write
from dscribe.descriptors import ACSF, SOAP

rng = np.random.default_rng(20221)
cell = np.array([[8.6, 0, 0], [1.9, 8.1, 0], [-1.2, 0.8, 9.4]])
names = ["Na"] * 10 + ["Si"] * 11 + ["O"] * 27
inverse = np.linalg.inv(cell)
positions = []
while len(positions) < len(names):
    r = rng.random(3) @ cell
    d = np.array([r - p for p in positions]).reshape(-1, 3) @ inverse
    d = (d - np.round(d)) @ cell
    if len(positions) == 0 or np.min(np.linalg.norm(d, axis=1)) > 1.5:
        positions.append(r)
rng.shuffle(names)
atoms = Atoms(names, positions=positions, cell=cell, pbc=True)
write("silicate.extxyz", atoms, format="extxyz", columns=["symbols", "positions"])
# What the file says, not what it was rounded from.
from ase.io import read
atoms = read("silicate.extxyz")

soap = SOAP(species=["O", "Na", "Si"], r_cut=4.5, n_max=4, l_max=3, sigma=0.5, periodic=True)
np.save("soap-n4-l3.npy", soap.create(atoms).astype("<f8")[:6])
soap = SOAP(species=["O"], r_cut=8.0, n_max=8, l_max=6, sigma=0.5, periodic=True)
oxygen = atoms[[a.index for a in atoms if a.symbol == "O"]]
sodium = atoms.positions[[a.index for a in atoms if a.symbol == "Na"]]
np.save("soap-n8-l6.npy", soap.create(oxygen, centers=list(sodium)).astype("<f8"))
# Functions r^l whose norms differ by many orders of magnitude.
soap = SOAP(species=["O"], r_cut=10.0, n_max=2, l_max=8, sigma=0.5, periodic=True)
np.save("soap-n2-l8.npy", soap.create(oxygen, centers=list(sodium)).astype("<f8"))
soap = SOAP(species=["O"], r_cut=8.0, n_max=8, l_max=9, sigma=0.5, periodic=True)
np.save("soap-n8-l9.npy", soap.create(oxygen, centers=list(sodium[:3])).astype("<f8"))

acsf = ACSF(
    species=["O", "Na", "Si"], r_cut=5.0, periodic=True,
    g2_params=[[0.05, 0.0], [0.05, 2.0], [4.0, 0.0], [4.0, 2.0]],
    g4_params=[[0.01, 1, 1], [0.01, 1, -1], [0.01, 4, 1], [0.01, 4, -1]],
    g5_params=[[0.02, 2, 1], [0.02, 2, -1]],
)
np.save("acsf.npy", acsf.create(atoms).astype("<f8"))

box = freud.box.Box.from_matrix(cell.T)
# freud has its origin in the middle of the box, and single precision positions.
points = atoms.positions - cell.sum(axis=0) / 2
columns = []
for average in (False, True):
    for wl in (False, True):
        for l in (4, 6):
            s = freud.order.Steinhardt(l, average=average, wl=wl, wl_normalize=True)
            s.compute((box, box.wrap(points)), neighbors={"r_max": 3.4, "exclude_ii": True})
            columns.append(np.array(s.particle_order))
np.save("steinhardt.npy", np.array(columns).T.astype("<f8"))
