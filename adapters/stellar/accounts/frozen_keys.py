"""
What the network's validators have frozen (CAP-77): a transaction that touches it enters no ledger.

Neither accounts and trustlines nor trying a transfer out show it; a setting of the network does.
Bytes that touch what is frozen would be signed, refused and signed again for as long as it lasts.
"""

import logging
from collections.abc import Iterable

from stellar_sdk import xdr
from stellar_sdk.soroban_rpc import GetLedgerEntriesResponse
from stellar_sdk.xdr import ConfigSettingID

from adapters.stellar.rpc.nodes import Nodes
from adapters.stellar.signing import classic_payments
from adapters.stellar.signing.soroban_transfers import Asset
from domain.errors import ChainUnavailable

log = logging.getLogger(__name__)
# It takes a vote of the validators to change, which is seldom: one question serves many payments.
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
        Return those of the accounts that are frozen, or whose trustline for the asset is.

        What no node can say counts as it was known last: it only costs bytes that never land. So it
        does for those who ask while one reads it anew.
        """
        asked = list(dict.fromkeys(addresses))
        if self.nodes.highest - self._as_of > FRESH_LEDGERS:
            await self._read()
        elif any(map(self.is_frozen, asked)):
            # Nobody is refused from memory: with all refused, nothing would tell that time passes.
            await self._read()
        return [address for address in asked if self.is_frozen(address)]

    def is_frozen(self, address: str) -> bool:
        """Tell whether an account was frozen when that was read last."""
        if not self._keys:
            return False
        keys = classic_payments.make_keys([address], self.asset)
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
