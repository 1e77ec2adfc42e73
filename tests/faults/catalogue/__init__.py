"""The fault catalogue: every row, a table per kind."""

from tests.faults.catalogue.bodies import BODIES
from tests.faults.catalogue.connections import CONNECTIONS
from tests.faults.catalogue.framing import FRAMING
from tests.faults.catalogue.network import NETWORK
from tests.faults.catalogue.statuses import STATUSES
from tests.faults.fault import Fault

FAULTS: list[Fault] = [*STATUSES, *CONNECTIONS, *FRAMING, *BODIES, *NETWORK]
