"""A valid address is accepted; any other is refused with what is wrong with it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stellar_sdk import Keypair, MuxedAccount, StrKey

from domain.errors import Conflict, Invalid
from domain.settlement.owners.wallets import Readiness, check_address, check_payout
from tests.testkit.settlement.payment_factory import NOW

GOOD = Keypair.from_raw_ed25519_seed(b"a good account".ljust(32, b".")).public_key
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"


@given(st.binary(min_size=32, max_size=32))
def test_every_address_of_the_library_is_accepted(raw: bytes) -> None:
    address = StrKey.encode_ed25519_public_key(raw)
    assert check_address(address) == address


@given(st.integers(0, 55), st.sampled_from(LETTERS))
def test_one_wrong_character_is_refused(place: int, letter: str) -> None:
    mistyped = GOOD[:place] + letter + GOOD[place + 1 :]
    if mistyped != GOOD:
        assert not StrKey.is_valid_ed25519_public_key(mistyped)
        with pytest.raises(Invalid):
            check_address(mistyped)


@given(st.text(max_size=60))
def test_other_text_is_refused_exactly_as_the_library_does(text: str) -> None:
    if not StrKey.is_valid_ed25519_public_key(text):
        with pytest.raises(Invalid):
            check_address(text)


MUXED = MuxedAccount(GOOD, 7).account_muxed
CONTRACT = StrKey.encode_contract(b"c" * 32)
SEED = Keypair.from_raw_ed25519_seed(b"x" * 32).secret


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (GOOD.lower(), "capital letters"),
        (f" {GOOD}", "no spaces"),
        (GOOD[:-1], "not the address"),
        ("", "not the address"),
        (GOOD[:10] + ("A" if GOOD[10] != "A" else "B") + GOOD[11:], "mistyped"),
        (MUXED, "muxed"),
        (CONTRACT, "contract"),
        (SEED, "secret seed"),
    ],
)
def test_the_error_says_what_is_wrong_with_an_address(text: str, said: str) -> None:
    with pytest.raises(Invalid, match=said) as refused:
        check_address(text, "to_address")
    assert refused.value.field == "to_address"
    assert SEED not in str(refused.value)


def make_readiness(**changes: bool | int) -> Readiness:
    known = {"funded": True, "trustline": True, "authorised": True, "room_stroops": 1} | changes
    return Readiness(GOOD, ledger=7, read_at=NOW, **known)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"funded": False}, "does not exist"),
        ({"trustline": False}, "no trustline"),
        ({"authorised": False}, "not authorised"),
        ({"room_stroops": 0}, "limit is reached"),
    ],
)
def test_an_account_that_cannot_be_paid_is_refused_as_payout(
    changes: dict[str, bool], said: str
) -> None:
    with pytest.raises(Conflict, match=said):
        check_payout(NOW, make_readiness(**changes))
    check_payout(NOW, make_readiness())


def test_an_unproven_account_is_refused_as_payout() -> None:
    with pytest.raises(Conflict, match="no owner has proven"):
        check_payout(None, make_readiness())
