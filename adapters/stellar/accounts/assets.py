"""What must exist before anything can be paid: the asset's contract, and the treasuries' trustlines."""

from collections.abc import Mapping

from stellar_sdk import Address, xdr

from adapters.stellar.rpc import ledger_entries
from adapters.stellar.rpc.nodes import Nodes
from adapters.stellar.signing.soroban_transfers import Asset
from domain.settlement.payments import Treasury


async def find_obstacles(
    nodes: Nodes, asset: Asset, treasuries: Mapping[Treasury, str]
) -> list[str]:
    """
    Return what prevents payments by our treasuries, in one call.

    Raises ChainUnavailable when no node answers.
    """
    addresses = sorted(set(treasuries.values()))
    question = [_make_instance_key(asset.contract), *ledger_entries.make_keys(addresses, asset)]
    reply = await nodes.ask(
        lambda server: server.get_ledger_entries(question), at_least=nodes.highest
    )
    entries = [xdr.LedgerEntryData.from_xdr(result.xdr) for result in reply.entries or []]
    found = []
    if not any(entry.contract_data is not None for entry in entries):
        found.append(
            "the asset's contract does not exist on this network; STELLAR_USDC_ISSUER is "
            f"{asset.classic.issuer}; correct it, or deploy the contract"
        )
    known = ledger_entries.parse_accounts(reply)
    for treasury, address in treasuries.items():
        if obstacle := _find_obstacle(known, asset, f"{treasury} treasury {address}", address):
            found.append(obstacle)
    return found


def _find_obstacle(
    known: ledger_entries.AccountEntries, asset: Asset, name: str, address: str
) -> str:
    """Return what prevents a treasury from paying; empty if nothing does."""
    if address not in known.accounts:
        return f"the {name} does not exist"
    if address == asset.classic.issuer:
        return ""  # it needs no trustline for what it issues
    if address not in known.lines:
        return f"the {name} has no trustline for the asset"
    if not known.lines[address].authorised:
        return f"the issuer has frozen the {name}, or has not authorised it"
    return ""


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
