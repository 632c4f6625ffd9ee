"""What results are in the light of the protocol that was, or was not, frozen before anybody looked.

Registered: of the protocol frozen before the first look, on the first deliveries that showed an
effect. Exploratory: of a protocol frozen later, of another than the registered one, or of an extra
look. Not registered: no protocol was ever frozen for the workspace.
"""

from typing import Final

REGISTERED: Final = "registered"
EXPLORATORY: Final = "exploratory"
NOT_REGISTERED: Final = "not registered"
STANDINGS: Final = (REGISTERED, EXPLORATORY, NOT_REGISTERED)
