"""Weights of scikit-learn's linear classifiers, converged tightly. See README.md."""
import json
import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score, roc_auc_score
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

rng = np.random.default_rng(20221214)
n, d = 240, 6
x = rng.normal(size=(n, d)) @ (np.eye(d) + 0.4 * rng.normal(size=(d, d))) + rng.normal(size=d)
y = (x @ rng.normal(size=d) + 1.5 * rng.normal(size=n) > 1.0).astype(int)
x = np.round(x, 6)
z = StandardScaler().fit_transform(x)
cases = []
for classes in (None, "balanced"):
    for c in (0.1, 1.0, 10.0):
        lr = LogisticRegression(C=c, class_weight=classes, tol=1e-12, max_iter=100000).fit(z, y)
        sv = LinearSVC(C=c, class_weight=classes, tol=1e-13, max_iter=10**7, dual=False).fit(z, y)
        for loss, m in (("logistic", lr), ("squared-hinge", sv)):
            s = m.decision_function(z)
            cases.append(dict(
                loss=loss, classes=classes or "plain", regularization=c,
                penalize_intercept=loss == "squared-hinge",
                weights=m.coef_[0].tolist(), intercept=float(m.intercept_[0]),
                balanced_accuracy=float(balanced_accuracy_score(y, s > 0)),
                area=float(roc_auc_score(y, s))))
json.dump(dict(features=x.tolist(), mobile=y.tolist(), cases=cases), open("classifiers.json", "w"))
