"""woodelf's values, gathered leaf by leaf: its own figures, summed without its copies.

woodelf gives each leaf a small vector by feature, and each row a pattern, the place in it. Taking the values at the
rows' places and adding them up is most of its time, as it converts the places anew for each feature and makes an array
for each sum. Here they are converted once a leaf and added in place, and trees are added in float64.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pandas as pd

    Floats = npt.NDArray[np.float64]

AT_MOST_DEEP = 10
"""The depth to which woodelf itself works on all paths at once, with and without a background."""
NEIGHBOURS_FROM = 10
"""woodelf leaves neighbouring leaves together from so many rows for each pattern on."""


def gathered(trees: Any, rows: pd.DataFrame, background: pd.DataFrame | None) -> Floats:
    """Return SHAP values of one output, shape (n, columns); path-dependent without a background.

    Args:
        trees: woodelf's DecisionTreesEnsemble, no deeper than ``AT_MOST_DEEP``.
        rows, background: float64, shape (n, columns) and (m, columns), named as the ensemble's features.
    """
    import numpy as np
    from woodelf.core.cube_metric import ShapleyValues
    from woodelf.core.decision_patterns import decision_patterns_generator, ignore_right_neighbor
    from woodelf.core.path_to_s_vectors.woodelf_p2s import HighDepthWoodelfPathToSVectors
    from woodelf.core.utils import get_covers_vector, get_unique_features_in_path

    places = {name: place for place, name in enumerate(rows.columns)}
    depth = min(trees.max_depth, len(places))
    vectors = HighDepthWoodelfPathToSVectors(metric=ShapleyValues(), max_depth=depth, GPU=False)
    together = len(rows) + (0 if background is None else len(background)) >= NEIGHBOURS_FROM * 2**trees.max_depth
    out = np.zeros((len(places), len(rows)))
    taken = np.empty(len(rows), dtype=np.float32)
    for tree in trees.trees:
        paths = tree.get_nodes_to_path_dict()
        of_tree: dict[Any, npt.NDArray[np.float32]] = {}
        of_background = None if background is None else decision_patterns_generator(tree, background, False, together)
        for leaf, patterns in decision_patterns_generator(tree, rows, False, together):
            path = paths[leaf.index]
            features = get_unique_features_in_path(path)
            neighbour = leaf.parent.right.value if ignore_right_neighbor(leaf, path, together) else None
            if of_background is None:
                covers = np.array(get_covers_vector([*path, leaf], features))
                made = vectors.get_path_dependent_s_matrix(features, patterns, covers, leaf.value, neighbour)
            else:
                behind = next(of_background)[1]
                made = vectors.get_background_s_matrix(features, patterns, behind, leaf.value, neighbour)
            at = patterns.astype(np.intp)
            for feature, strided in made.items():
                vector = np.ascontiguousarray(strided, dtype=np.float32)
                if feature in of_tree:
                    of_tree[feature] += np.take(vector, at, out=taken, mode="clip")
                else:
                    of_tree[feature] = np.take(vector, at, mode="clip")
        for feature, values in of_tree.items():
            out[places[feature]] += values
    return out.T
