"""Seeds are known by their addresses, refused by their place in a list, and never shown."""

import pytest
from stellar_sdk import Keypair

from adapters.stellar.signing.keys import Keys, load_keys, split_seeds
from domain.reasons import ReasonCode
from domain.settlement.allocations import Allocation, Transfer
from domain.settlement.payments import Treasury

BOND, POOL, FEES, OPERATOR, CHANNELS, OWN, STRANGER = (Keypair.random() for _ in range(7))


def load(*own: str) -> Keys:
    return load_keys(
        bond_seed=BOND.secret,
        pool_seed=POOL.secret,
        channels_seed=CHANNELS.secret,
        fees_seed=FEES.secret,
        operator_seed=OPERATOR.secret,
        channels=2,
        treasury_seeds=own,
    )


def make_transfer(number: int, payer: Keypair) -> Transfer:
    whole = (Allocation(f"pay_{number}", 5),)
    return Transfer(number, Treasury.BOND, payer.public_key, STRANGER.public_key, 5, whole)


def test_a_treasury_is_found_by_its_address() -> None:
    keys = load(*split_seeds(f" {OWN.secret},\n{BOND.secret} "))
    assert set(keys.treasuries) == {each.public_key for each in (BOND, POOL, OWN)}
    assert keys.default_treasuries == [BOND.public_key, POOL.public_key]
    assert not any(each.secret in repr(keys) for each in (BOND, POOL, OWN))
    transfers = [make_transfer(n, payer) for n, payer in enumerate((BOND, STRANGER, OWN), start=1)]
    (number, why), *others = keys.find_unheld(transfers).items()
    assert (number, why.code, others) == (2, ReasonCode.KEY_NOT_HELD, [])
    assert (
        f"no signing seed for treasury {STRANGER.public_key}: add it to STELLAR_TREASURY_SEEDS"
        in why.sentence
    )


def test_a_malformed_seed_of_the_list_is_named_by_its_place_and_not_shown() -> None:
    wrong = OWN.secret[:-1]
    with pytest.raises(SystemExit) as refused:
        load(OWN.secret, wrong)
    assert str(refused.value) == (
        "Cannot start. STELLAR_TREASURY_SEEDS, number 2, is not a Stellar seed (S...)"
    )


@pytest.mark.parametrize("misplaced", [FEES, OPERATOR])
def test_an_account_that_holds_no_funds_is_no_treasury(misplaced: Keypair) -> None:
    with pytest.raises(SystemExit) as refused:
        load(misplaced.secret)
    assert "STELLAR_TREASURY_SEEDS, number 1, is the seed of the account that pays fees" in str(
        refused.value
    )
    assert misplaced.secret not in str(refused.value)


def test_no_seeds_are_an_empty_list() -> None:
    assert split_seeds("") == split_seeds(" , \n") == []
