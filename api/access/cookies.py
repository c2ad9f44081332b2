"""The cookies of a session. Script can read the CSRF token alone."""

from fastapi import Response

from adapters.settings import ApiSettings
from api.access.csrf import derive_csrf_token

SESSION_COOKIE = "apex_session"
CSRF_COOKIE = "apex_csrf"
DEVICE_COOKIE = "apex_device"
_DAY = 86_400
_DEVICE_DAYS = 400  # what browsers keep at most


def set_session(response: Response, settings: ApiSettings, token: str, device: str) -> None:
    """Give a browser its session. The cookies outlast it: when it ends is the server's to know."""
    lasts = settings.session_max_days * _DAY
    _set(response, settings, SESSION_COOKIE, token, lasts)
    _set(response, settings, CSRF_COOKIE, derive_csrf_token(token), lasts, readable=True)
    _set(response, settings, DEVICE_COOKIE, device, _DEVICE_DAYS * _DAY)


def clear_session(response: Response, settings: ApiSettings) -> None:
    """Take a browser its session; that it has logged in before stays known."""
    _set(response, settings, SESSION_COOKIE, "", 0)
    _set(response, settings, CSRF_COOKIE, "", 0, readable=True)


def _set(
    response: Response,
    settings: ApiSettings,
    name: str,
    value: str,
    lasts: int,
    *,
    readable: bool = False,
) -> None:
    response.set_cookie(
        name,
        value,
        max_age=lasts,
        path="/",
        secure=settings.session_cookie_secure,
        httponly=not readable,
        samesite="lax",
    )
