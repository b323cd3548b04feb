"""The policy that governs the example's model: ``TEXT``, as a policy author would hand it in."""

from pathlib import Path

TEXT = Path(__file__).with_name("credit-high-risk.yaml").read_text(encoding="utf-8")
