"""What `examples/vquery.toml` calls by name: label functions, a concept and rules of a check."""

import vquery as vq
from vquery import caption


@vq.concept(label="advert", otherwise="programme")
def lower_case(captions):
    """Live captions are upper case, advertisers write their own in lower case."""
    return captions.filter(caption.text != caption.text.upper()).coalesce(gap=2)


def short(row):
    """Most shots of an advertisement are short; of others this says nothing."""
    return "advert" if row.end_us - row.start_us < 2.5e6 else None


ASSERTIONS = {"faces": [vq.consistent("name", within="track")]}
