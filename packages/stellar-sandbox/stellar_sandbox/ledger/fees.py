"""Fees and resource limits of a transaction, with the network settings of mainnet."""

from __future__ import annotations

from stellar_sdk import xdr

BASE_FEE = 100

MAX_INSTRUCTIONS = 400_000_000
MAX_DISK_READ_ENTRIES = 200
MAX_DISK_READ_BYTES = 200_000
MAX_WRITE_BYTES = 132_096
MAX_WRITE_ENTRIES = 200
MAX_FOOTPRINT_ENTRIES = 400
MAX_TRANSACTION_BYTES = 132_096
MAX_EVENT_BYTES = 16_384
MAX_DATA_ENTRY_BYTES = 65_536

# The size of an entry, as a simulation declares it and a transaction uses it.
ENTRY_BYTES = {"account": 200, "trustline": 120, "claimable": 250, "data": 400}

# Stroops
PER_10K_INSTRUCTIONS = 7
PER_DISK_READ_ENTRY = 1_563
PER_DISK_READ_KB = 447
PER_WRITE_ENTRY = 2_500
PER_WRITE_KB = 875
PER_SIZE_KB = 406 + 4_059
PER_EVENTS_KB = 5_000


def compute_resource_fee(resources: xdr.SorobanResources, size: int) -> int:
    """Return the non-refundable part of the resource fee."""
    footprint = resources.footprint
    return (
        _price(resources.instructions.uint32, 10_000, PER_10K_INSTRUCTIONS)
        + count_disk_read_entries(resources) * PER_DISK_READ_ENTRY
        + _price(resources.disk_read_bytes.uint32, 1_024, PER_DISK_READ_KB)
        + len(footprint.read_write) * PER_WRITE_ENTRY
        + _price(resources.write_bytes.uint32, 1_024, PER_WRITE_KB)
        + _price(size, 1_024, PER_SIZE_KB)
    )


def count_disk_read_entries(resources: xdr.SorobanResources) -> int:
    """Count classic entries alone: contract data is held in memory."""
    keys = resources.footprint.read_only + resources.footprint.read_write
    return sum(key.type != xdr.LedgerEntryType.CONTRACT_DATA for key in keys)


def compute_events_fee(size: int) -> int:
    """Return the part of the resource fee for events and the return value."""
    return _price(size, 1_024, PER_EVENTS_KB)


def exceeds_limits(resources: xdr.SorobanResources, size: int) -> bool:
    footprint = resources.footprint
    entries = len(footprint.read_only) + len(footprint.read_write)
    return (
        resources.instructions.uint32 > MAX_INSTRUCTIONS
        or count_disk_read_entries(resources) > MAX_DISK_READ_ENTRIES
        or resources.disk_read_bytes.uint32 > MAX_DISK_READ_BYTES
        or resources.write_bytes.uint32 > MAX_WRITE_BYTES
        or len(footprint.read_write) > MAX_WRITE_ENTRIES
        or entries > MAX_FOOTPRINT_ENTRIES
        or size > MAX_TRANSACTION_BYTES
    )


def _price(amount: int, unit: int, price: int) -> int:
    return -(-amount * price // unit)
