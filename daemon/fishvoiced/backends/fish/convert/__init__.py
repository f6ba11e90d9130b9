"""Checkpoints to ONNX graphs; torch and onnx are imported here, in network/ and in the torch engine only."""
