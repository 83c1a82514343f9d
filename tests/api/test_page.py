"""Cursors are opaque, belong to one list, and nothing else is taken for one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from truecast.api.errors import CursorInvalid
from truecast.api.page import decode_cursor, decode_offset, encode_cursor


@given(st.integers(min_value=0, max_value=2**63))
def test_comes_back_as_it_was(position: int):
    assert decode_offset("gaps", encode_cursor("gaps", position)) == position


@given(st.text(max_size=200))
def test_no_other_text_is_a_cursor(text: str):
    with pytest.raises(CursorInvalid):
        decode_cursor("gaps", text)


def test_belongs_to_one_list():
    with pytest.raises(CursorInvalid):
        decode_cursor("symbols", encode_cursor("gaps", 3))


@pytest.mark.parametrize("position", [-1, True, "3", None, [3]])
def test_a_forged_position_is_refused(position: object):
    with pytest.raises(CursorInvalid):
        decode_offset("gaps", encode_cursor("gaps", position))


def test_the_first_page_has_none():
    assert decode_offset("gaps", None) == 0
