"""What must be in place before anything can be paid: the asset's contract, and our trustlines."""

from collections.abc import Mapping

from stellar_sdk import Address, xdr

from adapters.stellar.rpc.nodes import Nodes
from adapters.stellar.signing import classic_payments
from adapters.stellar.signing.soroban_transfers import Asset
from domain.settlement.payments import Treasury


async def find_obstacles(
    nodes: Nodes, asset: Asset, treasuries: Mapping[Treasury, str]
) -> list[str]:
    """
    Say what keeps every payment from being made, by one question.

    Raises ChainUnavailable when the network cannot say.
    """
    addresses = sorted(set(treasuries.values()))
    question = [_make_instance_key(asset.contract), *classic_payments.make_keys(addresses, asset)]
    reply = await nodes.ask(
        lambda server: server.get_ledger_entries(question), at_least=nodes.highest
    )
    entries = [xdr.LedgerEntryData.from_xdr(result.xdr) for result in reply.entries or []]
    found = []
    if not any(entry.contract_data is not None for entry in entries):
        found.append(
            "the asset's contract does not exist on this network; STELLAR_USDC_ISSUER is "
            f"{asset.classic.issuer}: mend it, or have the contract deployed"
        )
    known = classic_payments.parse_accounts(reply)
    for treasury, address in treasuries.items():
        if trouble := _find_obstacle(known, asset, f"{treasury} treasury {address}", address):
            found.append(trouble)
    return found


def _find_obstacle(
    known: classic_payments.AccountEntries, asset: Asset, name: str, address: str
) -> str:
    """Say what keeps a treasury from paying, if anything does."""
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
    """Return what to ask the network about a contract."""
    return xdr.LedgerKey(
        xdr.LedgerEntryType.CONTRACT_DATA,
        contract_data=xdr.LedgerKeyContractData(
            Address(contract).to_xdr_sc_address(),
            xdr.SCVal(xdr.SCValType.SCV_LEDGER_KEY_CONTRACT_INSTANCE),
            xdr.ContractDataDurability.PERSISTENT,
        ),
    )
