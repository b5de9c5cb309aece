"""Sensitivity for a table: how far the progression of diabetes moves with each column, in a pipeline of scikit-learn's.

    python examples/table_sensitivity.py --output results

The pipeline, a scaler and a small neural network, is trained on data of 442 patients that come with scikit-learn. fastjac takes
it with the names of its columns, and gives the mean, mean absolute value and spread of every derivative over the held-out
patients. Derivatives are in standard units: by how many standard deviations the progression moves when the column moves by one.

Needs fastjac, scikit-learn, pandas and matplotlib. Writes `sensitivity.png` and `sensitivity.csv` to the directory `--output`.
"""

import argparse
from pathlib import Path

from matplotlib.figure import Figure
from sklearn.datasets import load_diabetes
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import fastjac as fj
import fastjac.plot

NAMES = {"s1": "cholesterol", "s2": "LDL", "s3": "HDL", "s4": "cholesterol / HDL", "s5": "log triglycerides", "s6": "glucose"}


def train():
    """The fitted pipeline, the held-out rows, and the progression that they should give."""
    table, target = load_diabetes(return_X_y=True, as_frame=True, scaled=False)
    x, held_out, y, expected = train_test_split(table.rename(columns=NAMES), target, test_size=0.3, random_state=0)
    network = MLPRegressor(hidden_layer_sizes=(16,), activation="tanh", solver="lbfgs", alpha=300.0, max_iter=999, random_state=0)
    return make_pipeline(StandardScaler(), network).fit(x, y), held_out, expected


def main(argv=None):
    """Print the table, and save it and the picture."""
    parser = argparse.ArgumentParser(description="Print and draw how a model's output depends on the columns of a table.")
    parser.add_argument("--output", type=Path, default=Path(), help="directory for both files (default: the current one)")
    folder = parser.parse_args(argv).output
    folder.mkdir(parents=True, exist_ok=True)

    model, table, expected = train()
    print(f"R^2 on {len(table)} held-out patients: {model.score(table, expected):.2f}\n")
    net = fj.from_sklearn(model)
    found = fj.sensitivity(net, table, units="standard", output_names=["progression"])
    print(found)
    found.to_frame().to_csv(folder / "sensitivity.csv", index=False)

    figure = Figure(figsize=(13, 5), layout="constrained")
    bars, dots = figure.subplots(1, 2)
    fastjac.plot.sensitivity(found, ax=bars)
    fastjac.plot.distributions(net, table, units="standard", output_names=["progression"], ax=dots)
    figure.savefig(folder / "sensitivity.png", dpi=120)
    print(f"\nWrote {folder / 'sensitivity.csv'} and {folder / 'sensitivity.png'}")


if __name__ == "__main__":
    main()
