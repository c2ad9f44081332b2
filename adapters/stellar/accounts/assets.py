"""What must exist before anything can be paid: the asset's contract, and the treasuries' trustlines."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from stellar_sdk import Address, xdr
from stellar_sdk.soroban_rpc import GetLedgerEntriesResponse

from adapters.stellar.rpc import ledger_entries
from adapters.stellar.rpc.nodes import Nodes
from adapters.stellar.signing.soroban_transfers import Asset
from domain.accounting.troubles import Trouble, TroubleCode
from domain.money import format_amount

# A question takes 200 entries: the contract's, and two of each account.
ACCOUNTS_AT_ONCE = 99


@dataclass(frozen=True, slots=True)
class TreasuryReport:
    """What prevents payments, and how much of the asset each account may send; None where it holds none."""

    found: Sequence[Trouble]
    balances: Mapping[str, int | None]


async def read_treasuries(nodes: Nodes, asset: Asset, owed: Mapping[str, int]) -> TreasuryReport:
    """
    Return what prevents payments by our treasuries; `owed` is what each address is to pay.

    Raises ChainUnavailable when no node answers.
    """
    found, balances = list[Trouble](), dict[str, int | None]()
    addresses = sorted(owed)
    for start in range(0, max(len(addresses), 1), ACCOUNTS_AT_ONCE):
        some = addresses[start : start + ACCOUNTS_AT_ONCE]
        reply = await _read_entries(nodes, asset, some)
        entries = [xdr.LedgerEntryData.from_xdr(result.xdr) for result in reply.entries or []]
        if not start and not any(entry.contract_data is not None for entry in entries):
            sentence = (
                "the asset's contract does not exist on this network; STELLAR_USDC_ISSUER is "
                f"{asset.classic.issuer}; correct it, or deploy the contract"
            )
            found.append(Trouble(TroubleCode.ASSET_MISSING, sentence))
        known = ledger_entries.parse_accounts(reply)
        seen = [_find_trouble(known, asset, address, owed[address]) for address in some]
        found += [trouble for trouble in seen if trouble is not None]
        balances |= {
            address: known.lines[address].spendable_stroops if address in known.lines else None
            for address in some
        }
    return TreasuryReport(found, balances)


async def _read_entries(
    nodes: Nodes, asset: Asset, addresses: Sequence[str]
) -> GetLedgerEntriesResponse:
    question = [_make_instance_key(asset.contract), *ledger_entries.make_keys(addresses, asset)]
    return await nodes.ask(
        lambda server: server.get_ledger_entries(question), at_least=nodes.highest
    )


def _find_trouble(
    known: ledger_entries.AccountEntries, asset: Asset, address: str, owed: int
) -> Trouble | None:
    """Return what prevents a treasury from paying what it owes; None if nothing does."""
    name, about = f"treasury {address}", partial(Trouble, subject=address)
    if address not in known.accounts:
        return about(TroubleCode.TREASURY_MISSING, f"the {name} does not exist")
    if address == asset.classic.issuer:
        return None  # it needs no trustline for what it issues
    if address not in known.lines:
        sentence = f"the {name} has no trustline for the asset"
        return about(TroubleCode.TREASURY_NO_TRUSTLINE, sentence)
    line = known.lines[address]
    if not line.authorised:
        sentence = f"the issuer has frozen the {name}, or has not authorised it"
        return about(TroubleCode.TREASURY_NOT_AUTHORIZED, sentence)
    missing = owed - line.spendable_stroops
    if missing <= 0:
        return None
    sentence = f"the {name} lacks {format_amount(missing)} USDC for what waits to be paid"
    return about(TroubleCode.TREASURY_SHORT, sentence, missing_stroops=missing)


def _make_instance_key(contract: str) -> xdr.LedgerKey:
    """Return the ledger key of a contract's instance."""
    return xdr.LedgerKey(
        xdr.LedgerEntryType.CONTRACT_DATA,
        contract_data=xdr.LedgerKeyContractData(
            Address(contract).to_xdr_sc_address(),
            xdr.SCVal(xdr.SCValType.SCV_LEDGER_KEY_CONTRACT_INSTANCE),
            xdr.ContractDataDurability.PERSISTENT,
        ),
    )
