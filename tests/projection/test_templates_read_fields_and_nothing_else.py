"""Templates: what they may do, and every way out of them that we could think of."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keyward.domain import templates
from keyward.errors import Blocked, Reason

WHERE = "Secret orders, key 'app.conf'"
CANARY = "c4n4ry-value"
VARIABLES = {
    "username": "bob",
    "password": "p@ss/word",
    "canary": CANARY,
    "values": {"a": "1", "b": "2", "canary": CANARY},
    "version": {"id": "v3", "sequence": 3},
}


def render(source, variables=None):
    return templates.render(source, VARIABLES if variables is None else variables, WHERE).reveal_text()


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("{{ username }}:{{ password | quote }}@db", "bob:p%40ss%2Fword@db"),
        ("{% for name in values %}{{ name }}={{ values[name] | length_free }}{% endfor %}", None),
        ("{% for k in values %}{{ k }}{% if not loop.last %},{% endif %}{% endfor %}", "a,b,canary"),
        ("{{ values['a'] ~ values.b }}", "12"),
        ("{{ username | b64encode }}", "Ym9i"),
        ("{{ 'Ym9i' | b64decode }}", "bob"),
        ("{{ {'x': 1} }}", None),
        ('{"u": {{ username | tojson }}}', '{"u": "bob"}'),
        ("{{ version | tojson }}", '{"id":"v3","sequence":3}'),
        ("{{ version.id }} {{ version.sequence }}", "v3 3"),
        ("{{ previous.password | default('none') }}", "none"),
        ("{% if previous is defined %}two{% else %}one{% endif %}", "one"),
        ("{{ '  x ' | trim | upper }}", "X"),
        ("{% raw %}{{ untouched }}{% endraw %}\n", "{{ untouched }}\n"),
        ("<b>&amp;{{ password }}</b>", "<b>&amp;p@ss/word</b>"),
    ],
)
def test_a_template_formats_fields(source, text):
    if text is None:
        with pytest.raises(Blocked):
            render(source)
    else:
        assert render(source) == text


ESCAPES = [
    "{{ ''.__class__ }}",
    "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "{{ ''['__class__'] }}",
    "{{ values['__class__'] }}",
    "{{ values.__class__ }}",
    "{{ values.items }}",
    "{{ values.items() }}",
    "{{ values.budget }}",
    "{{ values.price }}",
    "{{ values|attr('__class__') }}",
    "{{ username.format }}",
    "{{ '{0.__class__}'.format(username) }}",
    "{{ '%s' % username }}",
    "{{ '%1000000000d' % 1 }}",
    "{{ '%d'|format(1) }}",
    "{{ self }}",
    "{{ self.__init__ }}",
    "{{ self._TemplateReference__context }}",
    "{{ _budget }}",
    "{{ _budget.left }}",
    "{% if _budget is defined %}x{% endif %}",
    "{% for _budget in values %}{{ username | upper }}{% endfor %}",
    "{{ __builtins__ }}",
    "{{ config }}",
    "{{ request }}",
    "{{ lipsum.__globals__ }}",
    "{{ cycler.__init__.__globals__ }}",
    "{{ joiner }}",
    "{{ namespace() }}",
    "{{ dict(a=1) }}",
    "{{ range(10) }}",
    "{{ range(10**9)|list }}",
    "{% for i in range(10) %}x{% endfor %}",
    "{% for c in password %}x{% endfor %}",
    "{% for c in 'abc' %}x{% endfor %}",
    "{% for a in values %}{% for b in values %}x{% endfor %}{% endfor %}",
    "{% for a in values %}{% if 1 %}{% for b in values %}x{% endfor %}{% endif %}{% endfor %}",
    "{% for a in values recursive %}{{ loop(values) }}{% endfor %}",
    "{% for a in values %}{{ loop.__init__.__globals__ }}{% endfor %}",
    "{% for a in values %}{{ loop }}{% endfor %}",
    "{% for a in values %}{{ loop._iterator }}{% endfor %}",
    "{% for a, b in values %}x{% endfor %}",
    "{{ 'a' * 1000000000 }}",
    "{{ 2 ** 999999999 }}",
    "{{ 10 // 0 }}",
    "{{ -username }}",
    "{{ username[0:2] }}",
    "{{ [username] }}",
    "{{ (username, password) }}",
    "{{ {'a': username} }}",
    "{% set x = username %}{{ x }}",
    "{% set x %}{{ username }}{% endset %}",
    "{% macro m() %}x{% endmacro %}{{ m() }}",
    "{% call m() %}{% endcall %}",
    "{% include 'x' %}",
    "{% import 'x' as y %}",
    "{% from 'x' import y %}",
    "{% extends 'x' %}",
    "{% block b %}x{% endblock %}",
    "{% filter upper %}x{% endfilter %}",
    "{% with a=1 %}{{ a }}{% endwith %}",
    "{% autoescape true %}x{% endautoescape %}",
    "{% do values.clear() %}",
    "{% debug %}",
    "{{ username | map('upper') }}",
    "{{ values | dictsort }}",
    "{{ values | pprint }}",
    "{{ values | string }}",
    "{{ username | safe }}",
    "{{ username | replace('b', password) }}",
    "{{ username is callable }}",
    "{{ username is filter }}",
    "{{ values }}",
    "{{ version }}",
    "{{ values | lower }}",
    "{{ 1 + username }}",
    "{{ username + 1 }}",
    "{{ none }}",
    "{{ true }}{{ username | nope }}",
]


@pytest.mark.parametrize("source", ESCAPES)
def test_no_way_out_of_a_template_is_open(source):
    with pytest.raises(Blocked) as error:
        render(source)
    assert error.value.reason is Reason.TEMPLATE_INVALID
    assert WHERE in error.value.message
    assert error.value.__cause__ is None


@pytest.mark.parametrize(
    "source",
    [
        "{{ username" + " | b64encode" * 80 + " }}",
        "{{ username" + " | b64encode" * 1400 + " }}",
        "{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}",
        "{{ " + " ~ ".join(["big"] * 65) + " }}",
        "{{ " + " + ".join(["big"] * 66) + " }}",
        "{% if " + " ~ ".join(["big"] * 65) + " == 'x' %}y{% endif %}",
        "{% if " + " + ".join(["big"] * 66) + " == 'x' %}y{% endif %}",
        "{{ big }}" * 40,
        "{% for k in values %}{{ big }}{% endfor %}",
        "{% for k in values %}{% if (big | b64encode) == 'x' %}y{% endif %}{% endfor %}",
        "{% if not x %}" * 1200 + "{% endif %}" * 1200,
        "x" * 16_385,
    ],
)
def test_work_and_output_are_bounded(source):
    big = "x" * 30_720
    started = time.process_time()
    with pytest.raises(Blocked):
        render(source, {"username": big, "big": big, "values": {str(n): big[:30] for n in range(1000)}})
    assert time.process_time() - started < 2


def test_an_error_names_the_line_and_the_field():
    with pytest.raises(Blocked, match=r"key 'app\.conf', line 3: it reads 'pasword'"):
        render("a\nb\n{{ pasword }}\nc")
    with pytest.raises(Blocked, match="line 2"):
        render("a\n{{ if }}")
    with pytest.raises(Blocked, match="line 2: Include"):
        render("a\n{% include 'x' %}")


@pytest.mark.parametrize(
    "source",
    [
        "{{ values[canary] }}",
        "{{ version[canary].x }}",
        "{{ canary | b64decode }}",
        "{{ (canary ~ '!') | b64decode }}",
        "{{ 1 + canary }}",
        "{{ values[canary] | default(nothing) }}",
        "{{ canary.upper }}",
        "{{ canary[canary] }}",
    ],
)
def test_an_error_never_quotes_a_value(source):
    with pytest.raises(Blocked) as error:
        render(source)
    assert CANARY not in repr(error.value)


@given(st.text(max_size=200))
def test_whatever_is_written_is_rendered_or_refused(source):
    try:
        templates.render(source, VARIABLES, WHERE)
    except Blocked as error:
        assert error.reason is Reason.TEMPLATE_INVALID  # noqa: PT017


WORDS = (
    *("{{", "}}", "{%", "%}", "{#", "#}", "|", "~", "(", ")", "[", "]", "'", ".", "1", "+", "-"),
    *(
        "for",
        "in",
        "values",
        "if",
        "endif",
        "endfor",
        "else",
        "a",
        "username",
        "not",
        "is",
        "defined",
        "tojson",
        "loop",
    ),
)


@given(st.lists(st.sampled_from(WORDS), max_size=30))
def test_whatever_looks_like_a_template_is_rendered_or_refused(words):
    try:
        templates.render(" ".join(words), VARIABLES, WHERE)
    except Blocked as error:
        assert error.reason is Reason.TEMPLATE_INVALID  # noqa: PT017
