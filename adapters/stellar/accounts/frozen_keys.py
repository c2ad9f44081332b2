"""
Ledger keys that the validators have frozen (CAP-77): no ledger includes a transaction that uses one.

Neither accounts and trustlines nor a simulation show it, only a config setting of the network does.
Without this check, transactions with a frozen key would be signed, refused and signed again.
"""

import logging
from collections.abc import Iterable

from stellar_sdk import xdr
from stellar_sdk.soroban_rpc import GetLedgerEntriesResponse
from stellar_sdk.xdr import ConfigSettingID

from adapters.stellar.rpc import ledger_entries
from adapters.stellar.rpc.nodes import Nodes
from adapters.stellar.signing.soroban_transfers import Asset
from domain.errors import ChainUnavailable

log = logging.getLogger(__name__)
# The setting seldom changes, by a vote of the validators, so that one read serves many payments.
FRESH_LEDGERS = 5
QUESTION = xdr.LedgerKey(
    xdr.LedgerEntryType.CONFIG_SETTING,
    config_setting=xdr.LedgerKeyConfigSetting(ConfigSettingID.CONFIG_SETTING_FROZEN_LEDGER_KEYS),
)


class FrozenKeys:
    def __init__(self, nodes: Nodes, asset: Asset) -> None:
        self.nodes = nodes
        self.asset = asset
        self._keys: frozenset[bytes] = frozenset()
        self._as_of = -FRESH_LEDGERS - 1

    async def find_frozen(self, addresses: Iterable[str]) -> list[str]:
        """
        Return those of the accounts that are frozen, or whose trustline for the asset is frozen.

        When no node answers, and while another caller reads the setting again, the last known setting
        counts: the worst that follows are signed bytes that no ledger includes.
        """
        asked = list(dict.fromkeys(addresses))
        if self.nodes.highest - self._as_of > FRESH_LEDGERS:
            await self._read()
        elif any(map(self.is_frozen, asked)):
            # A refusal is never based on an old read: if all are refused, no newer ledger would be seen.
            await self._read()
        return [address for address in asked if self.is_frozen(address)]

    def is_frozen(self, address: str) -> bool:
        """Tell whether an account was frozen at the last read."""
        if not self._keys:
            return False
        keys = ledger_entries.make_keys([address], self.asset)
        return any(key.to_xdr_bytes() in self._keys for key in keys)

    async def _read(self) -> None:
        before, self._as_of, found = self._as_of, self.nodes.highest, None
        try:
            found = await self.nodes.ask(lambda server: server.get_ledger_entries([QUESTION]))
        except ChainUnavailable as error:
            log.warning("cannot read what the validators have frozen: %s", error)
        finally:
            if found is None:  # or it was cancelled
                self._as_of = before
        if found is not None:
            self._as_of, self._keys = found.latest_ledger, _parse_keys(found)


def _parse_keys(reply: GetLedgerEntriesResponse) -> frozenset[bytes]:
    found: set[bytes] = set()
    for result in reply.entries or []:
        setting = xdr.LedgerEntryData.from_xdr(result.xdr).config_setting
        if setting is not None and setting.frozen_ledger_keys is not None:
            found |= {key.encoded_ledger_key for key in setting.frozen_ledger_keys.keys}
    return frozenset(found)
