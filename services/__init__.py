"""
Use cases: one a file, and each is one business transaction.

    async def approve_payment(database: Database, command: ApprovePayment) -> None

A use case takes the database and one frozen command (what is wanted, who asked, at which instant),
opens one transaction, reads and locks through `adapters.postgres`, lets `domain` decide, writes, and
publishes the audit entry with its events. All of it is committed together or not at all. It returns
what was written, as domain models, never a row or a connection.

* What may be run twice writes once: ids are derived, and a repeated run reads back what is on record.
* What happens after the commit (waking workflows) is the caller's; deliveries are found by whoever dispatches.
* A part that several use cases share takes their connection as its first argument, and is named
  `..._within`: it never opens a transaction.
* Nothing here speaks to a network: an activity signs, sends and observes between two use cases.

Routes, commands and activities parse, call one use case, and render. Only this package opens
transactions and writes the audit trail (tests/services/test_transactions.py).
"""
