import numpy as np
import polars as pl

from analysis.emulation.design import Category, Interaction, Quantity, design_matrix


def test_levels_are_columns_in_sorted_order_without_the_commonest():
    rows = pl.DataFrame({"region": ["knee", "hip", "knee", None, "ankle"]})
    design = design_matrix(rows, [Category("region")])
    assert design.names == ("intercept", "region=ankle", "region=hip", "region=unknown")
    assert design.values[:, 1:].tolist() == [[0, 0, 0], [0, 1, 0], [0, 0, 0], [0, 0, 1], [1, 0, 0]]


def test_rare_levels_are_pooled():
    rows = pl.DataFrame({"clinic": ["a"] * 5 + ["b"] * 4 + ["c", "d"]})
    design = design_matrix(rows, [Category("clinic", smallest_count=3)])
    assert design.names == ("intercept", "clinic=b", "clinic=other levels")
    assert design.values[:, 2].sum() == 2


def test_missing_numbers_are_marked_and_count_as_the_mean():
    rows = pl.DataFrame({"pain": [2.0, 4.0, None, float("nan")]})
    design = design_matrix(rows, [Quantity("pain")])
    assert design.names == ("intercept", "pain", "pain missing")
    assert design.values[:, 1].tolist() == [-1.0, 1.0, 0.0, 0.0]
    assert design.values[:, 2].tolist() == [0.0, 0.0, 1.0, 1.0]


def test_constant_repeated_and_wholly_missing_columns_are_left_out():
    rows = pl.DataFrame(
        {
            "clinic": ["a"] * 4,
            "pain": [3.0] * 4,
            "never": pl.Series([None] * 4, dtype=pl.Float64),
            "x": [0.0, 0.0, 1.0, 1.0],
            "same": ["no", "no", "yes", "yes"],
        }
    )
    terms = [Category("clinic"), Quantity("pain"), Quantity("never")]
    assert design_matrix(rows, terms).names == ("intercept",)
    repeated = design_matrix(rows, [Category("same"), Category("same")])
    assert repeated.names == ("intercept", "same=yes")


def test_coefficients_return_to_the_original_scale():
    rows = pl.DataFrame({"x": [1.0, 2.0, 5.0]})
    design = design_matrix(rows, [Quantity("x", degree=2)])
    scaled = np.array([0.5, -1.0, 2.0])
    original = design.on_original_scale(scaled)
    x = rows["x"].to_numpy()
    np.testing.assert_allclose(
        design.values @ scaled, original[0] + original[1] * x + original[2] * x**2
    )


def test_an_interaction_multiplies_every_pair_of_columns():
    rows = pl.DataFrame({"stage": ["1", "1", "2"], "pain": [1.0, 2.0, 3.0]})
    design = design_matrix(rows, [Interaction(Category("stage"), Quantity("pain"))])
    assert design.names == ("intercept", "stage=2 x pain")


def test_no_rows_give_an_empty_design():
    rows = pl.DataFrame({"stage": pl.Series([], dtype=pl.String)})
    assert design_matrix(rows, [Category("stage")]).values.shape == (0, 1)
