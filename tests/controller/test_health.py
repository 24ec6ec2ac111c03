from __future__ import annotations

import aiohttp
import pytest

from keyward.controller.health import Health, HealthServer, LoopLag, heartbeat
from keyward.controller.metrics import Metrics
from keyward.controller.settings import Address
from keyward.errors import Blocked


@pytest.fixture
async def server():
    health = Health()
    found = HealthServer(health, Metrics(), Address("127.0.0.1", 0))
    await found.start()
    yield health, found
    await found.stop()


async def ask(server: HealthServer, path: str) -> tuple[int, str]:
    async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{server.port}{path}") as answer:
        return answer.status, await answer.text()


async def test_it_is_healthy_but_not_ready_before_its_start_is_done(server):
    health, http = server
    assert await ask(http, "/healthz") == (200, "ok\n")
    status, text = await ask(http, "/readyz")
    assert (status, "starting" in text) == (503, True)
    health.has("start")
    assert await ask(http, "/readyz") == (200, "ok\n")


async def test_a_failing_check_is_named_and_takes_readiness_away_as_well(server):
    health, http = server
    health.has("start")
    health.watch("schedule", lambda: "shows no sign of life")
    health.watch("fine", lambda: None)
    for path in ("/healthz", "/readyz"):
        assert await ask(http, path) == (503, "schedule: shows no sign of life\n")


async def test_metrics_are_served_beside_it(server):
    status, text = await ask(server[1], "/metrics")
    assert status == 200
    assert "keyward_build_info" in text


async def test_an_address_that_is_taken_is_said_in_one_clear_line(server):
    second = HealthServer(Health(), Metrics(), Address("127.0.0.1", server[1].port))
    with pytest.raises(Blocked, match="choose another --metrics-address"):
        await second.start()


def test_a_heart_that_stopped_is_noticed():
    now = [0.0]
    check = heartbeat(lambda: 0.0, 90.0, "the schedule", lambda: now[0])
    now[0] = 90.0
    assert check() is None
    now[0] = 91.0
    assert check() == "the schedule shows no sign of life for 91 s"


def test_a_loop_that_is_late_is_noticed():
    now = [0.0]
    lag = LoopLag(lambda: now[0])
    now[0] = 5.0
    assert lag.check() is None
    now[0] = 30.0
    assert lag.check() == "the event loop is 29 s late"


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:8080", Address("127.0.0.1", 8080)),
        (":9", Address("0.0.0.0", 9)),
        ("[::1]:80", Address("::1", 80)),
    ],
)
def test_addresses_are_read(text, address):
    assert Address.parse(text) == address


@pytest.mark.parametrize("text", ["8080", "host:", "host:x", "host:70000"])
def test_an_address_that_is_none_is_refused_with_an_example(text):
    with pytest.raises(ValueError, match=r"127\.0\.0\.1:8080"):
        Address.parse(text)
