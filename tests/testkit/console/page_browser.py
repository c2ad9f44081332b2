"""A browser without JavaScript: it reads pages, follows redirects, fills in forms and sends them with its cookies."""

import secrets
from typing import Any, Self

import httpx

from domain.access.people import Person
from tests.testkit.access.browser import PASSWORD
from tests.testkit.console.page_parser import Page, PageForm, parse_page

POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'"
)


class PageBrowser:
    """`status` and `path` are of the page that it shows."""

    def __init__(self, url: str) -> None:
        address = ".".join(["10", *(str(part) for part in secrets.token_bytes(3))])
        self.client = httpx.AsyncClient(
            base_url=url,
            headers={"X-Forwarded-For": address, "User-Agent": "Pages"},
            timeout=30,
            trust_env=False,
        )
        self.page, self.status, self.path, self.text = Page(), 0, "", ""
        self.answer: httpx.Response | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.client.aclose()

    async def open(self, path: str) -> Page:
        return await self._show(await self.client.get(path))

    async def _show(self, answer: httpx.Response) -> Page:
        """Follow redirects, and read the page that they lead to."""
        for _ in range(5):
            if answer.status_code != 303:
                break
            location = answer.headers["location"]
            assert location.startswith("/console"), location
            answer = await self.client.get(location)
        check_headers(answer)
        self.answer, self.status, self.text = answer, answer.status_code, answer.text
        self.path = answer.request.url.raw_path.decode()
        self.page = parse_page(answer.text)
        return self.page

    async def send(self, form: PageForm, **values: Any) -> Page:
        """Fill in a form, and press its button."""
        unknown = set(values) - set(form.fields)
        assert unknown == set(), f"{form.action} does not ask for these"
        said = form.fields | {name: str(value) for name, value in values.items()}
        if form.method == "get":
            return await self._show(await self.client.get(form.action, params=said))
        return await self._show(await self.client.post(form.action, data=said))

    async def submit(self, ending: str, **values: Any) -> Page:
        """Send the one form of the page whose action ends so."""
        return await self.send(self.page.find_form(ending), **values)

    async def log_in(self, person: Person, path: str = "/console") -> Page:
        """Ask for a page, and log in on the way to it."""
        await self.open(path)
        assert self.path.startswith("/console/login"), self.path
        page = await self.submit("/login", email=person.email, password=PASSWORD)
        assert self.status == 200, page.refusal
        return page


def check_headers(answer: httpx.Response) -> None:
    """A page loads, frames and sends nothing but what is of this origin, and is kept nowhere."""
    headers = answer.headers
    assert headers["content-type"] == "text/html; charset=utf-8", (answer.status_code, answer.text)
    assert headers["content-security-policy"] == POLICY
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
    assert headers["cache-control"] == "no-store"
    assert "x-correlation-id" in headers
