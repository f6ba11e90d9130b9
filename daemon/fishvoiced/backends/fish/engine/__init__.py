"""Engines: ONNX Runtime (default), PyTorch from the same network definition, upstream's package as reference."""
