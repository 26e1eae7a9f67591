"""Learning on the user's own collection: embeddings, augmentation, end models, distillation.

The one door to PyTorch. Nothing below ``api`` imports this room, and ``api`` imports it lazily by
`vquery.api.learning.room`, so that all else works without the extra ``learn``.

    core/       device, networks, the training loop, checkpoints, pictures as tensors
    augment/    transformations of batches, policies, and which of them keep a label
    pretext/    embeddings without labels: contrastive, and rotation for comparison
    ends/       the end model on soft labels, few-shot heads, reports, ONNX
    distil/     a model that teaches itself from its own ensemble
"""
