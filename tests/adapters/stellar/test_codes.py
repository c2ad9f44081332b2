"""The table has every code of the network's library: a new one fails here first."""

import ast
from enum import IntEnum

import pytest
from stellar_sdk import xdr
from stellar_sdk.soroban_rpc import GetTransactionStatus, SendTransactionStatus

from adapters.stellar.codes import contract_errors, operation_codes, transaction_codes
from adapters.stellar.codes.meanings import Meaning, Remedy
from tests.testkit.source_tree import DEVSTACK, PRODUCTION, get_name, list_modules

SUFFIX = "ResultCode"
TABLES = [
    (xdr.TransactionResultCode, transaction_codes.TRANSACTIONS),
    (SendTransactionStatus, transaction_codes.SENDS),
    (xdr.SCErrorType, contract_errors.HOST),
    (xdr.SCErrorCode, contract_errors.HOST_CODES),
    *operation_codes.FAMILIES.items(),
]

# Operations that nothing here ever signs. A family that is in neither list fails the tests.
NEVER_SENT = frozenset(
    {
        *("AccountMerge", "AllowTrust", "ClaimClaimableBalance", "ClawbackClaimableBalance"),
        *("Clawback", "CreateClaimableBalance", "ExtendFootprintTTL", "Inflation"),
        *("LiquidityPoolDeposit", "LiquidityPoolWithdraw", "ManageBuyOffer", "ManageData"),
        *("ManageSellOffer", "PathPaymentStrictReceive", "PathPaymentStrictSend"),
        *("RestoreFootprint", "SetOptions", "SetTrustLineFlags"),
    }
)


@pytest.mark.parametrize(("codes", "table"), TABLES, ids=[kind.__name__ for kind, _ in TABLES])
def test_every_code_has_a_meaning(codes: type[IntEnum], table: dict[IntEnum, Meaning]) -> None:
    assert set(table) == set(codes)


def test_every_transaction_status_is_known() -> None:
    """Proofs tell these apart themselves; a fourth would have to be thought about there."""
    assert {each.name for each in GetTransactionStatus} == {"SUCCESS", "FAILED", "NOT_FOUND"}


def test_every_operation_is_known_or_never_sent() -> None:
    every = {name for name in dir(xdr) if name.endswith(SUFFIX)} - {f"Transaction{SUFFIX}"}
    known = {kind.__name__ for kind in operation_codes.FAMILIES}
    never = {name + SUFFIX for name in NEVER_SENT}
    assert known & never == set()
    assert known | never == every
    # And each kind of operation has results of its own, as the network's union of them says.
    kinds = {kind.name.replace("_", "").lower() for kind in xdr.OperationType}
    families = {name.removesuffix(SUFFIX).lower() for name in every}
    assert kinds - families == {"createpassiveselloffer"}  # has those of a sell offer


def test_the_contract_codes_have_no_gap() -> None:
    assert sorted(contract_errors.ASSET) == list(range(1, 16))
    assert sorted(contract_errors.CALCULATOR) == list(range(1, 20))


def test_no_code_is_interpreted_outside_the_table() -> None:
    """No second list: elsewhere a code of the network is at most named."""
    codes = {code.name for kind, _ in TABLES for code in kind} - {"SUCCESS", "ERROR", "FAILED"}
    listed = [
        f"{path}:{node.lineno}"
        for path in list_modules((*PRODUCTION, DEVSTACK))
        # The API's numbers are those of HTTP.
        if path.parent.name != "codes" and not get_name(path).startswith("api/")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Dict | ast.Set | ast.List | ast.Tuple)
        if len(codes & _list_words(node)) > 2 or _is_numeric(node)
    ]
    assert listed == []


def _is_numeric(node: ast.AST) -> bool:
    """Whether a literal goes by number, as the errors of a contract do."""
    keys = node.keys if isinstance(node, ast.Dict) else []
    return any(isinstance(key, ast.Constant) and type(key.value) is int for key in keys)


def _list_words(node: ast.AST) -> set[str]:
    """Every word that a literal has in it: attributes and texts."""
    inside = list(ast.walk(node))
    words = {each.attr for each in inside if isinstance(each, ast.Attribute)}
    return words | {str(each.value) for each in inside if isinstance(each, ast.Constant)}


def test_every_meaning_is_a_sentence_and_only_success_is_success() -> None:
    meanings = [(code, found) for _, table in TABLES for code, found in table.items() if found]
    for code, found in meanings:
        assert found.sentence == found.sentence.strip(" .")
        assert len(found.sentence) > 9, code
        if found.remedy is Remedy.TERMINAL:
            assert "SUCCESS" in code.name or code is GetTransactionStatus.FAILED
        elif isinstance(code, IntEnum):
            assert not code.name.endswith("_SUCCESS"), code


def test_no_answer_to_a_send_is_final() -> None:
    """Whatever a node says of bytes it was sent, only a ledger can end them."""
    assert {found.remedy for found in transaction_codes.SENDS.values()} == {Remedy.RETRY}


@pytest.mark.parametrize(
    ("code", "remedy"),
    [
        (xdr.PaymentResultCode.PAYMENT_NO_DESTINATION, Remedy.BLOCK),
        (xdr.PaymentResultCode.PAYMENT_NO_TRUST, Remedy.BLOCK),
        (xdr.PaymentResultCode.PAYMENT_NOT_AUTHORIZED, Remedy.BLOCK),
        (xdr.PaymentResultCode.PAYMENT_LINE_FULL, Remedy.BLOCK),
        (xdr.PaymentResultCode.PAYMENT_SRC_NOT_AUTHORIZED, Remedy.PAGE),
        (xdr.PaymentResultCode.PAYMENT_SRC_NO_TRUST, Remedy.PAGE),
        (xdr.PaymentResultCode.PAYMENT_UNDERFUNDED, Remedy.PAGE),
        (xdr.InvokeHostFunctionResultCode.INVOKE_HOST_FUNCTION_ENTRY_ARCHIVED, Remedy.RETRY),
        (xdr.ManageDataResultCode.MANAGE_DATA_LOW_RESERVE, Remedy.PAGE),
    ],
)
def test_faults_of_the_payee_are_distinguished_from_ours(code: IntEnum, remedy: Remedy) -> None:
    assert operation_codes.get_meaning(code).remedy is remedy
