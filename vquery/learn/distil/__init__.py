"""Models that teach themselves: predict in several ways, keep what is sure, learn from it again.

looks      the ensemble that predicts: mirrored, nearer, farther, neighbours in the track
choosing   which predictions are kept as pseudo labels
student    end models that learn from labels and pseudo labels in a fixed share
rounds     the rounds, and the left-out groups that say when to stop
"""

from vquery.learn.distil.choosing import Chosen, choose, shares_of
from vquery.learn.distil.looks import Looks
from vquery.learn.distil.rounds import Distilled, Plan, distil

__all__ = ["Chosen", "Distilled", "Looks", "Plan", "choose", "distil", "shares_of"]
