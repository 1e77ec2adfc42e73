"""The example hook against the real OpenTelemetry SDK."""

import json

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from examples.opentelemetry_hook import telemetry
from imin_accounts.session import AccountsSession
from tests.scripted import CONNECTED, ScriptedTransport, reply


async def test_spans_and_metrics_follow_the_conventions() -> None:
    """A call with a retry is two client spans and two durations, the first of them an error."""
    spans, metrics = InMemorySpanExporter(), InMemoryMetricReader()
    tracing = TracerProvider()
    tracing.add_span_processor(SimpleSpanProcessor(spans))
    metering = MeterProvider([metrics])
    hook = telemetry(tracing.get_tracer("test"), metering.get_meter("test"))
    transport = ScriptedTransport([reply(500), CONNECTED])
    async with AccountsSession("test-key", transport=transport, on_attempt=hook) as session:
        await session.get_seller_accounts("1234")
    first, second = spans.get_finished_spans()
    assert first.name == "GET /api/v2/customers/{customerIdentifier}/accounts"
    assert (first.status.is_ok, second.status.is_ok) == (False, True)
    assert dict(second.attributes or {})["http.request.resend_count"] == 1
    data = json.loads(metrics.get_metrics_data().to_json())  # type: ignore[union-attr]
    (metric,) = data["resource_metrics"][0]["scope_metrics"][0]["metrics"]
    assert metric["name"] == "http.client.request.duration"
    assert sum(point["count"] for point in metric["data"]["data_points"]) == 2
    metering.shutdown()
