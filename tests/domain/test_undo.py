"""Which entries of the trash one undo brings back."""

from hypothesis import given
from hypothesis import strategies as st

from waziterm.domain.care.trash import Undoable, undoable


def test_what_one_act_took_comes_back_together() -> None:
    trash = [("", True, True), ("a", True, True), ("", False, True), ("a", True, True)]
    assert undoable(trash) == (Undoable((0,), ()), Undoable((3, 1), ()))


def test_what_is_unlinked_is_told_and_an_act_of_such_alone_is_none() -> None:
    trash = [("a", True, True), ("a", False, False), ("b", False, False), ("", False, False)]
    assert undoable(trash) == (Undoable((0,), (1,)),)


@given(st.lists(st.tuples(st.sampled_from(["", "a", "b"]), st.booleans(), st.booleans())))
def test_each_that_can_be_undone_is_in_one_act_the_newest_first(
    trash: list[tuple[str, bool, bool]],
) -> None:
    acts = undoable(trash)
    back = [place for act in acts for place in act.back]
    assert sorted(back) == [place for place, each in enumerate(trash) if each[1]]
    assert [act.back[-1] for act in acts] == sorted(act.back[-1] for act in acts)
