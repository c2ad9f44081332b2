"""
The life of a payment: the money moves exactly once, whatever dies.

    prepare -> submit -> observe -> booked
       ^         ^          |
       |         +-- open --+          the same bytes again, for as long as nothing is proven
       +-- expired or failed ----------+  proven: nothing moved, so it is safe to sign again

Only proof moves a payment on: workflows/attempts.py. Where payments are settled together, this
life only waits for the batch it rides in: workflows/batches.py.
"""

from abc import abstractmethod
from datetime import datetime, timedelta

from temporalio import activity, workflow

from domain.adoptions import AdoptTransferInput, AdoptTransferRequest, check_adoption_request
from domain.attempts import Attempt, Outcome, Preparation, Sighting
from domain.errors import Conflict
from domain.payments import Parking, Payment, PaymentStatus, Receipt
from domain.reasons import Reason

with workflow.unsafe.imports_passed_through():
    from workflows.attempts import AttemptSteps, Landing
    from workflows.steps import check, grown, in_words, refuse, step
    from workflows.webhooks import start_deliveries

PARKED_RETRY = timedelta(hours=1)
# A batch tells its payments what became of them; this is for the case that it could not.
GATHERED_LOOK = timedelta(minutes=10)
FAILURE_PAUSE_MIN, FAILURE_PAUSE_MAX = timedelta(seconds=1), timedelta(minutes=5)


class PaymentSteps(AttemptSteps):
    """What a payment asks of the outside world; activities/payments.py does it."""

    @activity.defn
    @abstractmethod
    async def prepare_payment(self, payment: Payment) -> Preparation:
        """Reserve a (channel, sequence), sign, store the bytes; or answer what was stored or paid."""

    @activity.defn
    @abstractmethod
    async def book_payment(self, sighting: Sighting) -> Receipt:
        """The money moved: confirm the payment and post it to the book."""

    @activity.defn
    @abstractmethod
    async def adopt_transfer(self, adopting: AdoptTransferInput) -> None:
        """A person says that a transfer made by hand is the payment: confirm it, and post it."""

    @activity.defn
    @abstractmethod
    async def fail_attempt(self, sighting: Sighting) -> None:
        """The sequence was consumed without effect: close the attempt, free the channel."""

    @activity.defn
    @abstractmethod
    async def park_payment(self, parking: Parking) -> list[str]:
        """Somebody must act before this payment can be made."""

    @activity.defn
    @abstractmethod
    async def quarantine_payment(self, sighting: Sighting) -> list[str]:
        """Bytes we do not know consumed the sequence: nothing more without a person."""


@workflow.defn
class PaymentWorkflow(Landing):
    @workflow.init
    def __init__(self, payment: Payment) -> None:
        super().__init__(payment)
        self.payment = payment
        self.failures = 0
        self.ejections: list[Reason] = []
        self.held_because: Reason | None = None
        # Bytes of its own may be in a ledger at any moment.
        self.on_its_way = False

    @workflow.run
    async def run(self, payment: Payment) -> Receipt:
        receipt = await self.settle(payment)
        await workflow.wait_condition(workflow.all_handlers_finished)
        return receipt

    async def settle(self, payment: Payment) -> Receipt:
        while True:
            # Told to try again after this line, the answer below may be out of date by then.
            self.retry_wanted = False
            self.ejections.clear()  # of a batch that was, and told more than once
            preparation = await self.insist(PaymentSteps.prepare_payment, payment)
            if preparation.receipt is not None:
                return preparation.receipt
            attempt = await self.ready(preparation)
            if attempt is None:
                continue
            self.held_because = None  # held anew, it says so anew
            self.on_its_way = True
            attempt, observation = await self.landed(attempt)
            self.on_its_way = observation.outcome is Outcome.SUCCEEDED
            sighting = Sighting(payment, attempt, observation, workflow.now())
            match sighting.observation.outcome:
                case Outcome.SUCCEEDED:
                    return await self.insist(PaymentSteps.book_payment, sighting)
                case Outcome.EXPIRED:
                    self.note("expired unused; signing again for the same sequence")
                case Outcome.FAILED_RETRY:
                    await self.insist(PaymentSteps.fail_attempt, sighting)
                    await self.backed_off()
                case Outcome.FAILED_PARK:
                    await self.insist(PaymentSteps.fail_attempt, sighting)
                    await self.parked(observation.why)
                case _:
                    await self.distrusted(PaymentSteps.quarantine_payment, attempt, sighting)

    async def ready(self, preparation: Preparation) -> Attempt | None:
        """Return what is to be sent; or wait for what stands in its way, to ask again."""
        if preparation.gathered:
            await self.gathered()
        elif preparation.queued and preparation.again_at is not None:
            await self.queued(preparation.again_at)
        elif preparation.attempt is not None:
            return preparation.attempt
        elif preparation.obstacle is not None and preparation.again_at is not None:
            await self.held(preparation.obstacle, preparation.again_at, preparation.dead_after)
        else:
            assert preparation.obstacle is not None
            await self.parked(preparation.obstacle, preparation.dead_after)
        return None

    async def backed_off(self) -> None:
        """Each transaction without effect costs its fee: the next one is signed after a while."""
        self.start_over_if_long()
        pause = grown(FAILURE_PAUSE_MIN, self.failures, FAILURE_PAUSE_MAX)
        self.failures += 1
        self.note(f"failed without effect; signing anew in {in_words(pause)}")
        await workflow.sleep(pause, summary="before signing anew")

    async def gathered(self) -> None:
        """Wait until a batch has settled this payment with others, or could not."""
        self.note("ready; waits to be settled together with others")
        deadline = workflow.now() + GATHERED_LOOK
        await self.wait_until(
            deadline, lambda: self.retry_wanted or bool(self.ejections), "in a batch"
        )
        if self.ejections:
            await self.parked(self.ejections.pop())
        self.start_over_if_long()

    async def queued(self, again_at: datetime) -> None:
        """
        Wait in line for a channel: by a timer, and not inside a step, because thousands who tried
        a step again and again would take the room of those who have a channel and must give it back.
        """
        workflow.set_current_details("in line: every channel serves another payment")
        await self.wait_until(again_at, lambda: self.retry_wanted, "in line for a channel")
        self.start_over_if_long()

    async def parked(self, reason: Reason, dead_after: int | None = None) -> None:
        """Wait until somebody says try again, or an hour has passed."""
        parking = Parking(self.payment, reason, workflow.now(), dead_after=dead_after)
        await start_deliveries(await self.insist(PaymentSteps.park_payment, parking))
        self.note(f"parked: {reason}; send the signal retry once it is mended")
        self.held_because = None
        deadline = workflow.now() + PARKED_RETRY
        await self.wait_until(deadline, lambda: self.retry_wanted, "parked")
        self.failures = 0
        self.start_over_if_long()

    async def held(self, reason: Reason, again_at: datetime, dead_after: int | None) -> None:
        """Wait for a limit to let it pass; a word that came since it was asked counts."""
        if reason != self.held_because:
            parking = Parking(self.payment, reason, workflow.now(), PaymentStatus.HELD, dead_after)
            await start_deliveries(await self.insist(PaymentSteps.park_payment, parking))
            self.note(f"held: {reason}")
            self.held_because = reason
        await self.wait_until(again_at, lambda: self.retry_wanted, "held")
        self.start_over_if_long()

    @workflow.update(description="A transfer that was made by hand is this payment")
    async def adopt(self, asked: AdoptTransferRequest) -> None:
        adopting = AdoptTransferInput(self.payment, asked, workflow.now())
        await step(PaymentSteps.adopt_transfer, adopting)
        self.note(f"{asked.request.actor} adopted transaction {asked.transaction_hash}")
        self.retry_wanted = True  # and finds that it is paid

    @adopt.validator
    def check_adopt(self, asked: AdoptTransferRequest) -> None:
        check(lambda: check_adoption_request(asked))
        if self.on_its_way:
            refuse(
                Conflict(
                    f"payment {self.payment.id} has bytes of its own on their way; wait until it is "
                    "held or parked"
                )
            )

    @workflow.signal(description="What held the payment up is mended: try again")
    def retry(self) -> None:
        self.retry_wanted = True

    @workflow.signal(description="A batch had to leave this payment out")
    def ejected(self, reason: Reason) -> None:
        self.ejections.append(reason)
