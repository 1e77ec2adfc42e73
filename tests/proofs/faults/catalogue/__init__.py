"""The fault catalogue: every row, a table per kind."""

from tests.proofs.faults.catalogue.bodies import BODIES
from tests.proofs.faults.catalogue.connections import CONNECTIONS
from tests.proofs.faults.catalogue.framing import FRAMING
from tests.proofs.faults.catalogue.network import NETWORK
from tests.proofs.faults.catalogue.statuses import STATUSES
from tests.proofs.faults.fault import Fault

FAULTS: list[Fault] = [*STATUSES, *CONNECTIONS, *FRAMING, *BODIES, *NETWORK]
