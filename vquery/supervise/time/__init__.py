"""Time: what votes say of whole videos, given that classes last."""

from vquery.supervise.time.decode import Decoded, decode
from vquery.supervise.time.transitions import Transitions

__all__ = ["Decoded", "Transitions", "decode"]
