"""
A page of somebody else's must not act with a browser's cookies: what changes something shows that it can read them.

The token is made of the session's own, so that a cookie that somebody planted is of no use.
"""

import hashlib
import hmac
from urllib.parse import urlsplit

from fastapi import Request

from domain.errors import Forbidden

CSRF_HEADER = "X-CSRF-Token"
SAFE = {"GET", "HEAD", "OPTIONS"}
# The frontend calls these without the header; there the browser's own word of where it comes from counts.
EXEMPT = {("PUT", "/user/preferences"), ("POST", "/auth/logout")}


def derive_csrf_token(session_token: str) -> str:
    return hashlib.sha256(f"csrf\x1f{session_token}".encode()).hexdigest()


def check_csrf(request: Request, session_token: str) -> None:
    """Refuse a change that comes with a cookie alone."""
    if request.method in SAFE:
        return
    # A page without a script sends it as a field of its form.
    field = getattr(request.state, "form_token", None)
    given = request.headers.get(CSRF_HEADER) or field or ""
    if hmac.compare_digest(given.encode(), derive_csrf_token(session_token).encode()):
        return
    if (request.method, request.scope["route"].path) not in EXEMPT:
        if field is not None:
            raise Forbidden(
                "this form is of another session: open its page again, and send it anew"
            )
        raise Forbidden(
            f"a change made with the session's cookie needs the header {CSRF_HEADER}, "
            "with the value of the cookie apex_csrf"
        )
    check_origin(request)


def check_origin(request: Request) -> None:
    """Refuse what a browser says comes from a page of another origin."""
    allowed = getattr(request.app.state.engine.settings, "allowed_origins", "").split(",")
    origin = request.headers.get("origin")
    if origin is not None and origin in map(str.strip, allowed):
        return
    site = request.headers.get("sec-fetch-site")
    if site is None and origin is not None:
        site = "same-origin" if urlsplit(origin).netloc == request.headers.get("host") else "other"
    if site not in {None, "none", "same-origin"}:
        raise Forbidden(
            f"a page of {origin or 'another origin'} may not do this: name it in ALLOWED_ORIGINS"
        )
