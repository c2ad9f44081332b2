"""The types of settings, with the checks that an environment variable must pass; errors stop the start."""

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo

from domain import money
from domain.errors import Invalid
from domain.money import convert_to_stroops
from domain.settlement.owners.wallets import check_address
from domain.sla.execution_modes import ExecutionMode

# Whatever driver it names, ours is used.
DATABASE = r"^postgres(ql)?(\+\w+)?://"
URLS = r"^https?://[^,\s]+(\s*,\s*https?://[^,\s]+)*$"


def _check_address(text: str) -> str:
    """Check an account address, so that a mistyped one stops the start and not a payment."""
    try:
        return check_address(text)
    except Invalid as error:
        raise ValueError(str(error).removeprefix("address: ")) from None


Address = Annotated[str, AfterValidator(_check_address)]
CONTRACT = r"^C[A-Z2-7]{55}$"


def _check_prefix(text: str) -> str:
    """Check what every path of the API begins with: /, or words behind slashes without one at the end."""
    if not re.fullmatch(r"(/[A-Za-z0-9._~-]+)+", text):
        raise ValueError("not a path like /api/v1: begin it with a slash and end it without one")
    return text


Prefix = Annotated[str, AfterValidator(_check_prefix)]


def split_origins(text: str) -> list[str]:
    """Return the origins in a list separated by commas."""
    return [origin.strip() for origin in text.split(",") if origin.strip()]


def _check_origins(text: str) -> str:
    """Check origins as browsers write them: a scheme, a host and perhaps a port, and no star."""
    for origin in split_origins(text):
        if not re.fullmatch(r"https?://([a-z0-9.-]+|\[[0-9a-f:]+\])(:[0-9]{1,5})?", origin):
            raise ValueError(f"{origin!r} is no origin like https://app.example.com, in lower case")
    return text


Origins = Annotated[str, AfterValidator(_check_origins)]


# A limit is switched off by this word alone: 0 might mean that nothing may leave.
NO_LIMIT = "none"


def _parse_stroops(text: Any) -> Any:
    """Parse an amount of USDC, a plain decimal, into stroops; none is no limit."""
    if text is None or text == NO_LIMIT:
        return None
    try:
        return money.parse_amount(str(text), "")
    except Invalid as error:
        raise ValueError(str(error).removeprefix(": ")) from None


Stroops = Annotated[int | None, BeforeValidator(_parse_stroops)]


def make_limit(units: int, description: str) -> Any:
    """Return the field of a limit, with a default of so many whole USDC."""
    return Field(
        convert_to_stroops(units),
        validate_default=False,
        description=f"{description}, none or as a plain decimal",
    )


def _check_whole(text: Any) -> Any:
    """Accept only plain digits: 1_000, 1e3, " 5 " and 5.0 are mistakes."""
    if isinstance(text, str) and not (text.isascii() and text.isdigit() and len(text) <= 19):
        raise ValueError("not a whole number of plain digits")
    return text


Whole = Annotated[int, BeforeValidator(_check_whole)]
# The passphrase of each known network; STELLAR_NETWORK must name the same network.
PASSPHRASES = {
    "public": "Public Global Stellar Network ; September 2015",
    "testnet": "Test SDF Network ; September 2015",
}


# As other tools of the field call the same networks.
_NETWORKS = {"mainnet": "public", "pubnet": "public", "standalone": "sandbox", "local": "sandbox"}


def _name_network(name: Any) -> Any:
    if name == "futurenet":
        raise ValueError("futurenet has no USDC; set it to sandbox, testnet or public")
    return _NETWORKS.get(name, name) if isinstance(name, str) else name


Network = Annotated[Literal["sandbox", "testnet", "public"], BeforeValidator(_name_network)]
# An older name of each mode is taken as well.
_MODES = {"local_adapter": "local", "soroban_rpc": "soroban"}
Mode = Annotated[
    ExecutionMode,
    BeforeValidator(lambda mode: _MODES.get(mode, mode) if isinstance(mode, str) else mode),
]


def check_passphrase(passphrase: str | None, known: ValidationInfo) -> str | None:
    if passphrase is None:
        return None
    network = known.data.get("stellar_network", "sandbox")
    wanted = PASSPHRASES.get(network)
    if wanted is not None and passphrase != wanted:
        raise ValueError(
            f"does not match STELLAR_NETWORK, which is {network}: the passphrase of that is {wanted!r}"
        )
    for name, theirs in PASSPHRASES.items():
        if passphrase == theirs and network != name:
            raise ValueError(f"this is the passphrase of {name}, and STELLAR_NETWORK is {network}")
    return passphrase


Passphrase = Annotated[str, AfterValidator(check_passphrase)]


def _check_cool_off(hours: int, known: ValidationInfo) -> int:
    if hours == 0 and known.data.get("stellar_network") == "public":
        raise ValueError("must be at least 1: with 0, a stolen key sends money elsewhere at once")
    return hours


CoolOff = Annotated[Whole, AfterValidator(_check_cool_off)]


def _check_friendbot(url: str | None, known: ValidationInfo) -> str | None:
    if url is not None and known.data.get("stellar_network") == "public":
        raise ValueError("the public network has no friendbot; leave it out")
    return url


Friendbot = Annotated[str | None, AfterValidator(_check_friendbot)]


def _check_private_receivers(allowed: bool, known: ValidationInfo) -> bool:
    if allowed and known.data.get("stellar_network") == "public":
        raise ValueError("on the public network receivers have public addresses; leave it out")
    return allowed


PrivateReceivers = Annotated[bool, AfterValidator(_check_private_receivers)]
