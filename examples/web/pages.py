"""The pages. Whatever a seller or a browser says is escaped."""

from jinja2 import DictLoader, Environment, StrictUndefined

BASE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{{ heading }}</title>
<main>
<h1>{{ heading }}</h1>
{% if text %}<p>{{ text }}</p>{% endif %}
{% block more %}<p><a href="/connections">Your connections</a></p>{% endblock %}
</main>
</html>
"""

CONNECTIONS = """{% extends "message" %}
{% block more %}
{% for row in connections %}
<h2>{{ row.name or row.seller }}</h2>
{% if row.state == "connected" %}
<form action="/connections/disconnect">
  <input type="hidden" name="seller" value="{{ row.seller }}">
  <p>Connected. <button>Disconnect {{ row.name or "" }}</button></p>
</form>
{% else %}
<form method="post" action="/connections/connect">
  <input type="hidden" name="seller" value="{{ row.seller }}">
  <p>Not connected. <button>Log in and connect {{ row.name or "" }}</button>
  <button name="create" value="1">Create an account with {{ row.name or "it" }}</button></p>
</form>
{% endif %}
{% endfor %}
{% endblock %}
"""

QUESTION = """{% extends "message" %}
{% block more %}
<ul>{% for each in lost %}<li>{{ each }}</li>{% endfor %}</ul>
<form method="post" action="/connections/disconnect">
  <input type="hidden" name="seller" value="{{ seller }}">
  <button>Disconnect</button>
  <a href="/connections">Keep it connected</a>
</form>
{% endblock %}
"""

LOGIN = """{% extends "message" %}
{% block more %}
<form method="post" action="/login">
  {% if way_back is defined %}<input type="hidden" name="state" value="{{ way_back }}">{% endif %}
  <label>Customer <input name="customer" value="rosie"></label>
  <button>Log in</button>
</form>
{% endblock %}
"""

_PAGES = Environment(
    loader=DictLoader({"message": BASE, "connections": CONNECTIONS, "question": QUESTION, "login": LOGIN}),
    autoescape=True,
    undefined=StrictUndefined,
)


def render(page: str, **values: object) -> str:
    """A page as HTML; ``heading`` and ``text`` stand on each."""
    return _PAGES.get_template(page).render(values)
