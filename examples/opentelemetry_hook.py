"""Turn ``on_attempt`` into OpenTelemetry spans and metrics.

    hook = telemetry(get_tracer("app"), get_meter("app"))
    async with AccountsSession(api_key, on_attempt=hook) as session: ...

``Attempt.attributes`` already has the names of OpenTelemetry's conventions for HTTP clients, and no
identifier in it: no URL, no customer, no key.
"""

import time
from collections.abc import Callable

from opentelemetry.metrics import Meter
from opentelemetry.trace import SpanKind, Status, StatusCode, Tracer

from imin_accounts.errors import Attempt


def telemetry(tracer: Tracer, meter: Meter) -> Callable[[Attempt], None]:
    """A hook for ``AccountsSession(on_attempt=...)``: one span and one duration for each request."""
    duration = meter.create_histogram("http.client.request.duration", unit="s")

    def on_attempt(attempt: Attempt) -> None:
        end = time.time_ns()
        span = tracer.start_span(
            f"{attempt.method} {attempt.url_template}",
            kind=SpanKind.CLIENT,
            attributes=attempt.attributes,
            start_time=end - int(attempt.seconds * 1e9),
        )
        if attempt.error_type is not None:
            span.set_status(Status(StatusCode.ERROR))
        span.end(end)
        duration.record(attempt.seconds, attempt.attributes)

    return on_attempt
