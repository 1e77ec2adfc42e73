"""The fault catalogue: every row, a table per kind."""

import importlib.util

from tests.proofs.faults.catalogue.bodies import BODIES
from tests.proofs.faults.catalogue.connections import CONNECTIONS
from tests.proofs.faults.catalogue.framing import FRAMING
from tests.proofs.faults.catalogue.network import NETWORK
from tests.proofs.faults.catalogue.over_pyreqwest import over_pyreqwest
from tests.proofs.faults.catalogue.statuses import STATUSES
from tests.proofs.faults.fault import Fault

FAULTS: list[Fault] = [*STATUSES, *CONNECTIONS, *FRAMING, *BODIES, *NETWORK]

FAULTS_OVER: dict[str, list[Fault]] = {"aiohttp": FAULTS}
"""The rows over each transport that is installed."""
if importlib.util.find_spec("pyreqwest") is not None:
    FAULTS_OVER["pyreqwest"] = over_pyreqwest(FAULTS)
