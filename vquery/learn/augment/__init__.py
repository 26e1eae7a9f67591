"""Transformations of batches of pictures, policies of them, and which of them keep a label.

base       the batch, the chance and the seeded draw of parameters for each item
shape      crop, flip, rotate, shear, shift
tone       colour, grey, solarize, posterize, autocontrast, equalize
detail     blur, sharpen, noise, cutout
mixing     mixup, another picture of the same track
policies   compose, one of several, RandAugment, policies for pretext tasks and for training
"""

from vquery.learn.augment.base import Batch, Transformation
from vquery.learn.augment.detail import Blur, Cutout, Noise, Sharpen
from vquery.learn.augment.keeping import is_label_preserving
from vquery.learn.augment.mixing import Mixup, TimeJitter
from vquery.learn.augment.policies import (
    Compose,
    Nothing,
    OneOf,
    RandAugment,
    hand,
    operations,
    views,
)
from vquery.learn.augment.preserving import Preserving
from vquery.learn.augment.shape import Crop, Flip, Rotate, Shear, Shift
from vquery.learn.augment.tone import (
    Autocontrast,
    Colour,
    Equalize,
    Grey,
    Posterize,
    Solarize,
)
from vquery.learn.augment.uncertain import Chosen, Uncertain, losses_of

__all__ = [
    "Autocontrast",
    "Batch",
    "Blur",
    "Chosen",
    "Colour",
    "Compose",
    "Crop",
    "Cutout",
    "Equalize",
    "Flip",
    "Grey",
    "Mixup",
    "Noise",
    "Nothing",
    "OneOf",
    "Posterize",
    "Preserving",
    "RandAugment",
    "Rotate",
    "Sharpen",
    "Shear",
    "Shift",
    "Solarize",
    "TimeJitter",
    "Transformation",
    "Uncertain",
    "hand",
    "is_label_preserving",
    "losses_of",
    "operations",
    "views",
]
