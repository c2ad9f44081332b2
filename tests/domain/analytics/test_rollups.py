"""How many changes are folded at once follows how long the last portion took."""

from datetime import timedelta

from domain.analytics.rollups import FOLDED_MAX, FOLDED_MIN, FoldResult, choose_portion


def test_what_was_too_much_is_tried_in_smaller_portions_until_it_fits() -> None:
    portion, tried = FOLDED_MAX, list[int]()
    while portion > FOLDED_MIN:
        portion = choose_portion(portion, None)
        tried.append(portion)
    assert tried == [500, 125, 50]
    assert choose_portion(portion, None) == FOLDED_MIN
    assert choose_portion(FOLDED_MAX, timedelta(seconds=4)) == 500


def test_what_goes_quickly_grows_again_up_to_its_bound() -> None:
    quick = timedelta(milliseconds=20)
    assert choose_portion(FOLDED_MIN, quick) == 2 * FOLDED_MIN
    assert choose_portion(FOLDED_MAX, quick) == FOLDED_MAX
    assert choose_portion(500, timedelta(seconds=2)) == 500


def test_a_portion_that_was_full_is_followed_by_another() -> None:
    assert FoldResult(50, 50).goes_on
    assert not FoldResult(50, 500).goes_on
