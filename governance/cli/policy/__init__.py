"""`governance policy`: write, check, test, explain, compare, try and release policy files."""

from governance.cli.policy import (
    checking as checking,
)
from governance.cli.policy import (
    comparing as comparing,
)
from governance.cli.policy import (
    editing as editing,
)
from governance.cli.policy import (
    explaining as explaining,
)
from governance.cli.policy import (
    formatting as formatting,
)
from governance.cli.policy import (
    importing as importing,
)
from governance.cli.policy import (
    learning as learning,
)
from governance.cli.policy import (
    listing as listing,
)
from governance.cli.policy import (
    proposals as proposals,
)
from governance.cli.policy import (
    proving as proving,
)
from governance.cli.policy import (
    releasing as releasing,
)
from governance.cli.policy import (
    testing as testing,
)
from governance.cli.policy import (
    trying as trying,
)
from governance.cli.policy import (
    wording as wording,
)
from governance.cli.policy import (
    writing as writing,
)
from governance.cli.policy.group import policy as policy
