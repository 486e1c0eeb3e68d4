import numpy as np
import pytest
from scipy.optimize import approx_fprime

from mixtures import gp
from mixtures.gp import Form, Process

W = np.random.default_rng(0).dirichlet(np.full(6, 0.6), 24)
NEW = np.random.default_rng(1).dirichlet(np.full(6, 0.6), 300)
FORMS: list[Form] = ["root", "power", "log"]


def law(v: np.ndarray) -> np.ndarray:
    return 3 - 0.3 * np.log(v[:, 0] + 0.01) - 0.1 * np.log(v[:, 2] + 0.05)


@pytest.mark.parametrize("form", FORMS)
def test_the_gradient_is_that_of_the_loss(form: Form) -> None:
    y = law(W)
    data = gp._Data(W, (y - y.mean()) / y.std(), form, 0.1)
    theta = np.concatenate([[gp.BENDS[form][0] + 0.3, -3, -1, 0.2], 0.5 * np.random.default_rng(2).normal(size=6)])
    np.testing.assert_allclose(
        gp._loss(theta, data)[1], approx_fprime(theta, lambda t: gp._loss(t, data)[0], 1e-6), atol=1e-3
    )


@pytest.mark.parametrize("form", FORMS)
def test_leaving_a_run_out_in_closed_form_is_leaving_it_out(form: Form) -> None:
    w = np.vstack([W, W[:3]])  # three mixtures are run twice: their pairs go together
    y = law(w) + 0.05 * np.random.default_rng(3).normal(size=len(w))
    groups = np.concatenate([np.arange(24), np.arange(3)])
    fitted = Process(w, y, form, each=True)
    errors, _ = fitted.left_out(groups)
    z = (y - fitted.centre) / fitted.unit
    kernel = fitted._kernel(fitted.x, fitted.x)
    for group in (0, 1, 7):
        out = groups == group
        inside = kernel[np.ix_(~out, ~out)] + np.exp(fitted.theta[gp.NOISE]) * np.eye((~out).sum())
        mean = kernel[np.ix_(out, ~out)] @ np.linalg.solve(inside, z[~out])
        np.testing.assert_allclose(errors[out], (z[out] - mean) * fitted.unit, rtol=1e-6, atol=1e-9)


def test_a_length_a_domain_finds_the_domains_that_matter() -> None:
    one, each = (Process(W, law(W), "log", each=e) for e in (False, True))
    error = [float(((p.predict(NEW)[0] - law(NEW)) ** 2).mean()) for p in (one, each)]
    assert error[1] < 0.2 * error[0]
    assert set(np.argsort(each.lengths)[:2]) == {0, 2}


def test_the_sd_grows_away_from_the_runs_and_the_covariance_agrees_with_it() -> None:
    fitted = Process(W, law(W) + 0.05 * np.random.default_rng(4).normal(size=24), "power", each=True)
    _, near = fitted.predict(W)
    _, far = fitted.predict(np.eye(6))
    assert far.mean() > 1.5 * near.mean()
    np.testing.assert_allclose(np.sqrt(np.diagonal(fitted.covariance(NEW))), fitted.predict(NEW)[1], rtol=1e-6)


def test_more_runs_than_lengths_are_learnt_from_all_count() -> None:
    w = np.random.default_rng(5).dirichlet(np.full(6, 0.6), gp.LEARN + 60)
    fitted = Process(w, law(w), "log", each=True)
    assert len(fitted.coefficients) == len(w)
    assert np.sqrt(((fitted.predict(NEW)[0] - law(NEW)) ** 2).mean()) < 0.03 * law(NEW).std()


def test_one_mixture_only_gives_its_mean() -> None:
    fitted = Process(np.tile(W[0], (4, 1)), np.arange(4.0), "log", each=True)
    assert fitted.predict(W[:1])[0] == pytest.approx([1.5], abs=0.2)
