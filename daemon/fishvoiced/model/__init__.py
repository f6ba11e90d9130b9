"""The network: one torch definition, checkpoints, conversion to ONNX and the cache of converted models.

``config`` and ``store`` work without torch; everything else here needs the ``export`` extra.
"""
