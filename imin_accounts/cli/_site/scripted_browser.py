"""Just enough of a browser for the demonstration: it opens a link, fills in a form, follows along.

Only a customer's own browser may use a connect link, so nothing else in this package opens one.
"""

from html.parser import HTMLParser
from http.client import HTTPConnection
from urllib.parse import urlencode, urljoin, urlsplit

import attrs


@attrs.frozen
class Page:
    """What a request came to.

    Attributes:
        url: Where it came from.
        status: The HTTP status.
        location: Where it sends the browser, absolute; None where it does not.
        form: What the page asks for.
    """

    url: str
    status: int
    location: str | None
    form: "Form"


class Form(HTMLParser):
    """A page's heading, and what is filled in already in its one form."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.heading = ""
        self.values: dict[str, str] = {}
        self._in_heading = False
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        said = {name: value or "" for name, value in attributes}
        self._in_heading = tag == "h1"
        if tag == "input":
            self.values[said["name"]] = said.get("value", "")

    def handle_endtag(self, tag: str) -> None:
        self._in_heading = False

    def handle_data(self, data: str) -> None:
        if self._in_heading:
            self.heading += data


def open_page(url: str) -> Page:
    """GET ``url``; redirects are the caller's to follow."""
    return _exchange("GET", url, None)


def submit(page: Page, **typed: str) -> Page:
    """POST the form of ``page`` to itself, with what is filled in and ``typed`` over that."""
    return _exchange("POST", page.url, urlencode({**page.form.values, **typed}))


def _exchange(method: str, url: str, body: str | None) -> Page:
    parts = urlsplit(url)
    connection = HTTPConnection(parts.netloc, timeout=10)
    try:
        headers = {} if body is None else {"Content-Type": "application/x-www-form-urlencoded"}
        connection.request(method, parts._replace(scheme="", netloc="", fragment="").geturl(), body, headers)
        reply = connection.getresponse()
        html = reply.read().decode()
    finally:
        connection.close()
    location = reply.getheader("Location")
    return Page(url, reply.status, location and urljoin(url, location), Form(html))
