"""Embeddings without labels, from pictures and what is known of them: track, video, time.

views      how a picture is varied
pairs      which pictures show the same, and which surely do not
network    a backbone with a head, and the vectors that it makes
contrast   SimCLR (T. Chen et al. 2020) with positives and negatives from tracks
rotation   which way up a picture is (S. Gidaris et al. 2018), for comparison
probe      how good an embedding is, without labels and with
backbones  weights of the user's own to start from
learning   all of it together: from pictures to a model in a folder
"""
