"""
Errors that this engine raises on purpose.

* ApexError
  x Refused              the caller must change something; nothing was written
    + Invalid            a field is wrong; `field` names it
    + NotFound           the caller named something that does not exist
    + Conflict           the request contradicts what has already happened
      - IllegalTransition  a state machine refused to move
    + IdempotencyKeyReused an Idempotency-Key came with other content before
    + PreconditionFailed   what is to be changed is not as the caller last saw it
    + Unauthenticated    who is calling is not known
    + WrongCredentials   the e-mail address or the password is wrong
    + Forbidden          who is calling may not do this
  x TryAgain             nothing is wrong with the request; the same one may succeed later
    + Unavailable        a part of the system is down or slow
    + TooMany            this was asked for too often; `retry_after` says when to come again
    + RequestInFlight    the same request is being carried out at this moment
    + ChainUnavailable   the Stellar network is busy or unreachable
  x Stop                 repeating cannot help; a person must look
    + NotDurable         PostgreSQL may forget what it has committed
    + ChainMismatch      the network is not the one this engine was set up for
    + ChannelsClaimed    another engine has claimed the channel accounts
    + ContractMismatch     the SLA contract is not what this engine was set up for
    + ContractRefused      the SLA contract refuses a call that repeating cannot change
    + Obstructed           a payment cannot be made until its payee or treasury changes
    + BackupUnusable       a backup is torn, changed, or of another build
    + ToolFailed           a program of PostgreSQL is missing, does not fit the server, or failed

`code` is stable and documented in docs/errors.md; the message is a sentence for people.
"""

from domain import reasons


class ApexError(Exception):
    """Base of all expected errors."""

    code = "error"


class Refused(ApexError):
    """The caller must change something; nothing was written."""

    code = "refused"


class Invalid(Refused):
    """One field of the request is wrong."""

    code = "invalid"

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.field = field
        self.rule = message


class NotFound(Refused):
    """The caller named something that does not exist."""

    code = "not_found"


class Conflict(Refused):
    """The request contradicts what has already happened."""

    code = "conflict"


class IllegalTransition(Conflict):
    """A state machine refused to move."""

    code = "illegal_transition"


class IdempotencyKeyReused(Refused):
    """An Idempotency-Key came with other content before."""

    code = "idempotency_key_reused"


class PreconditionFailed(Refused):
    """What is to be changed is not as the caller last saw it."""

    code = "precondition_failed"


class Unauthenticated(Refused):
    """Who is calling is not known."""

    code = "unauthenticated"


class WrongCredentials(Refused):
    """The e-mail address or the password is wrong; which one is not said."""

    code = "wrong_credentials"


class Forbidden(Refused):
    """Who is calling may not do this."""

    code = "forbidden"


class TryAgain(ApexError):
    """Nothing is wrong with the request; the same one may succeed later."""

    code = "try_again"


class Unavailable(TryAgain):
    """A part of the system is down or slow."""

    code = "unavailable"


class TooMany(TryAgain):
    """This was asked for too often."""

    code = "too_many"

    def __init__(self, sentence: str, retry_after: int) -> None:
        super().__init__(sentence)
        self.retry_after = retry_after


class RequestInFlight(TryAgain):
    """The same request is being carried out at this moment."""

    code = "request_in_flight"


class ChainUnavailable(TryAgain):
    """The Stellar network is busy or unreachable; stored bytes may be sent again."""

    code = "chain_unavailable"


class Stop(ApexError):
    """Repeating cannot help; a person must look."""

    code = "stop"


class NotDurable(Stop):
    """PostgreSQL is set up so that it may forget what it has committed."""

    code = "not_durable"


class ChainMismatch(Stop):
    """The network is not the one this engine was set up for."""

    code = "chain_mismatch"


class ChannelsClaimed(Stop):
    """Another engine works with the channel accounts, so this one signs nothing."""

    code = "channels_claimed"


class ContractMismatch(Stop):
    """The SLA contract, or the state it is in, is not what this engine was set up for."""

    code = "contract_mismatch"


class ContractRefused(Stop):
    """The SLA contract refuses a call, and will as long as nobody changes something."""

    code = "contract_refused"


class BackupUnusable(Stop):
    """A backup is torn, changed, or of another build, or is not what was restored from it."""

    code = "backup_unusable"


class ToolFailed(Stop):
    """A program of PostgreSQL is missing, does not fit the server, or failed."""

    code = "tool_failed"


class Obstructed(Stop):
    """Something cannot be done until somebody else, or our treasury, changes something."""

    code = "obstructed"

    def __init__(
        self, sentence: str, reason_code: reasons.ReasonCode = reasons.ReasonCode.TRANSFER_REFUSED
    ) -> None:
        super().__init__(sentence)
        self.reason = reasons.Reason(reason_code, sentence)
