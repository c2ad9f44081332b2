"""Result codes of whole transactions, and the statuses of sendTransaction."""

from collections.abc import Mapping

from stellar_sdk.soroban_rpc import SendTransactionStatus as Sent
from stellar_sdk.xdr import TransactionResultCode as Code

from adapters.stellar.codes.meanings import Meaning, Remedy, block, page, retry, terminal
from domain.reasons import ReasonCode

TRANSACTIONS: Mapping[Code, Meaning] = {
    Code.txFEE_BUMP_INNER_SUCCESS: terminal("the transaction was applied"),
    Code.txSUCCESS: terminal("the transaction was applied"),
    # The codes of its operations say more.
    Code.txFAILED: retry("an operation could not be applied"),
    Code.txFEE_BUMP_INNER_FAILED: retry("the transaction inside the fee bump could not be applied"),
    Code.txTOO_EARLY: retry("its time has not come"),
    Code.txTOO_LATE: retry("its bounds are over"),
    Code.txMISSING_OPERATION: page("we signed a transaction without an operation"),
    # Applied before, used by somebody else, or the node is behind: only the proof shows which.
    Code.txBAD_SEQ: retry("its sequence is not the channel's next one"),
    Code.txBAD_AUTH: page("a signature is missing or wrong; check the signers of our accounts"),
    Code.txINSUFFICIENT_BALANCE: page("the fee account is short of XLM"),
    Code.txNO_ACCOUNT: page("the channel account does not exist"),
    Code.txINSUFFICIENT_FEE: retry("its place in a ledger costs more than was bid"),
    Code.txBAD_AUTH_EXTRA: page("it carries a signature that nobody asked for"),
    Code.txINTERNAL_ERROR: retry("the network had an error of its own"),
    Code.txNOT_SUPPORTED: page("the network does not support this kind of transaction"),
    Code.txBAD_SPONSORSHIP: page("a sponsorship in it is not ended"),
    Code.txBAD_MIN_SEQ_AGE_OR_GAP: page("it asks for an age or gap of its sequence"),
    Code.txMALFORMED: page("the network cannot read what we signed"),
    Code.txSOROBAN_INVALID: page(
        "its resources break the network's limits; settings were voted on"
    ),
    Code.txFROZEN_KEY_ACCESSED: block(
        "the network's validators have frozen an account in it", ReasonCode.ACCOUNT_FROZEN
    ),
}

# By the names under which answers are recorded: too many of these open the circuit breaker.
ALARMING = frozenset(
    code.name for code, meaning in TRANSACTIONS.items() if meaning.remedy is Remedy.PAGE
)

# A transaction in a ledger with one of these codes did not consume its sequence, so it proves nothing.
UNCONSUMED = frozenset(
    {
        Code.txTOO_EARLY,
        Code.txTOO_LATE,
        Code.txMISSING_OPERATION,
        Code.txBAD_SEQ,
        Code.txNO_ACCOUNT,
        Code.txINSUFFICIENT_FEE,
        Code.txNOT_SUPPORTED,
        Code.txBAD_MIN_SEQ_AGE_OR_GAP,
        Code.txMALFORMED,
        Code.txSOROBAN_INVALID,
        Code.txFROZEN_KEY_ACCESSED,
    }
)

# Everything that is not listed here (FILTERED, an error of the server, a page of HTML) is unknown, and
# an unknown answer never means "not sent".
SENDS: Mapping[Sent, Meaning] = {
    Sent.PENDING: retry("the node has taken it; it is watched for"),
    Sent.DUPLICATE: retry("the node had it already; it is watched for"),
    Sent.TRY_AGAIN_LATER: retry("applied just now, or the account or the node is busy"),
    Sent.ERROR: retry("the node will not take it; its code says why"),
}
