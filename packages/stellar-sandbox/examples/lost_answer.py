"""An answer is lost after the transaction was accepted: the payment is made all the same."""

import asyncio

from stellar_sdk.soroban_server_async import SorobanServerAsync

from stellar_sandbox import Fault, Genesis, StellarSandbox
from stellar_sandbox.testing.accounts import CHANNELS, SHOP, build_genesis_document
from stellar_sandbox.testing.wallet import Wallet


async def main() -> None:
    sandbox = StellarSandbox(Genesis.parse(build_genesis_document()))  # in memory
    server = SorobanServerAsync("http://in-process", sandbox.create_client())
    payment = Wallet(server).build_payment(CHANNELS[0], 1, (SHOP, "2.5"))

    sandbox.set_faults(Fault("accept_then_timeout", method="sendTransaction", times=1))
    try:
        await server.send_transaction(payment)
    except TimeoutError:
        print("no answer")
    sandbox.close_ledger()
    print((await server.get_transaction(payment.hash_hex())).status.value)
    print(sandbox.read_balance(SHOP.public_key), "stroops")
    sandbox.close()


asyncio.run(main())
